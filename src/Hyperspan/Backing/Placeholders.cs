using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

using Hyperspan.Guarding;
using Hyperspan.Interop.Windows;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>Whether a Windows has what <see cref="DividedAddresses"/> needs. It is tried, once: systems differ in which of the calls they have, and in what these can do.</summary>
[SupportedOSPlatform("windows")]
internal static unsafe class Placeholders
{
    private const ulong Page = PageMath.PageSize;
    private const ulong Pages = 16;
    private const string Kind = "the system cannot map parts of files among other memory (placeholders)";

    private static readonly Lazy<string?> Reason = new(Find);

    /// <summary>Gets what stands against it, or <see langword="null"/>.</summary>
    internal static string? WhyNot => Reason.Value;

    private static string? Find()
    {
        if (!Guard.IsSupported)
        {
            return Guard.Description;
        }

        try
        {
            DividedAddresses? divided = DividedAddresses.TryReserve(null, Pages * Page, out int error);
            if (divided is null)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{Kind}: VirtualAlloc2 answers {WindowsError.Name(error)}");
            }

            try
            {
                return Try(divided) is { } step ? $"{Kind}: {step}" : null;
            }
            finally
            {
                divided.Release();
            }
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            return $"{Kind}: {e.Message}";
        }
    }

    /// <summary>Private memory that keeps what it holds around a view, a view that keeps what it shows when a part of it goes, and writes that are noted in both halves.</summary>
    private static string? Try(DividedAddresses divided)
    {
        using var none = new SafeFileHandle(-1, ownsHandle: false);
        using SafeFileHandle section = Kernel32.CreateFileMapping(none, null, PageProtection.ReadWrite, 0, (uint)(Pages * Page), null);
        if (section.IsInvalid)
        {
            return Failed("CreateFileMapping", Marshal.GetLastPInvokeError());
        }

        if (divided.Grant(0, Pages * Page, PageProtection.ReadWrite) is var granted and not 0)
        {
            return Failed("commit", granted);
        }

        Write(divided, 1);
        Write(divided, 14);
        if (divided.MapFile(4 * Page, 10 * Page, PageProtection.ReadWrite, section, 5 * Page, out _) is var mapped and not 0)
        {
            return Failed("map a part of a section", mapped);
        }

        Write(divided, 5);
        Write(divided, 9);
        if (divided.Replace(6 * Page, 8 * Page, PageProtection.NoAccess, out _) is var unmapped and not 0)
        {
            return Failed("unmap a part of that", unmapped);
        }

        if (Read(divided, 1) != 1 || Read(divided, 14) != 14 || Read(divided, 5) != 5 || Read(divided, 9) != 9 || Read(divided, 6) is not null)
        {
            return "what lies beside a part that is replaced does not stay";
        }

        var marks = new DirtyMap(Pages * Page);
        divided.TakeWritten(marks);
        Write(divided, 14);
        void* written;
        nuint count = 1;

        // SAFETY: room for the one page that is asked for, of the allocation after the view.
        return Kernel32.GetWriteWatch(WriteWatchOptions.Reset, divided.Address + (10 * Page), (nuint)(6 * Page), &written, &count, out _) == 0
            && count == 1
            && written == divided.Address + (14 * Page)
                ? null
                : "it does not note what is written beside such parts";
    }

    private static string Failed(string step, int error) => string.Create(CultureInfo.InvariantCulture, $"{step} answers {WindowsError.Name(error)}");

    /// <summary>Writes the number of a page to it; what cannot be written shows when it is read.</summary>
    private static void Write(DividedAddresses divided, byte page) => _ = Guard.Store(divided.Address + (page * Page), page, mayBlock: true);

    private static byte? Read(DividedAddresses divided, byte page)
    {
        GuardedResult result = Guard.Load<byte>(divided.Address + (page * Page), mayBlock: true);
        return result.Ok ? (byte)result.Value : null;
    }
}

using System.Globalization;

using Hyperspan.Interop.Linux;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Backing;

/// <summary>Looks at this process's own memory from outside, so that a page that is not there is an answer and not a crash.</summary>
internal static unsafe class SelfProbe
{
    /// <summary>The size of the pages that the system maps by: 4 KiB, on arm64 also 16 or 64.</summary>
    internal static readonly ulong Page = (ulong)Environment.SystemPageSize;

    /// <summary>How many pages of 4 KiB, which are what pins and page numbers count, are one of those.</summary>
    internal static readonly ulong GuestPages = Page / GuestAddress.PageSize;

    /// <summary>The numbers of the first 4 KiB of pages of the system.</summary>
    internal static ulong[] FirstIn(params ulong[] pages) => [.. pages.Select(page => page * GuestPages)];

    /// <summary>What the kernel may do with a page on behalf of this process: "--", "r-" or "rw".</summary>
    internal static string Access(byte* address) => !CanRead(address) ? "--" : CanWrite(address) ? "rw" : "r-";

    internal static bool CanRead(byte* address) => TryRead(address, out _);

    internal static bool TryRead(byte* address, out byte value)
    {
        byte local = 0;
        IoVector here = new(&local, 1);
        IoVector there = new(address, 1);
        bool read = LibC.ProcessVmReadv(Environment.ProcessId, &here, 1, &there, 1, 0) == 1;
        value = local;
        return read;
    }

    internal static bool CanWrite(byte* address)
    {
        if (!TryRead(address, out byte value))
        {
            return false;
        }

        return TryWrite(address, value);
    }

    internal static bool TryWrite(byte* address, byte value)
    {
        IoVector here = new(&value, 1);
        IoVector there = new(address, 1);
        return LibC.ProcessVmWritev(Environment.ProcessId, &here, 1, &there, 1, 0) == 1;
    }

    /// <summary>The lines of /proc/self/maps that overlap a range.</summary>
    internal static List<MapsLine> Maps(ulong start, ulong length) =>
        [.. File.ReadLines("/proc/self/maps").Select(MapsLine.Parse).Where(line => line.Start < start + length && line.End > start)];

    internal static List<MapsLine> Maps(byte* start, ulong length) => Maps((ulong)start, length);

    /// <summary>How much of a range is mapped in any way, reserved included.</summary>
    internal static ulong MappedBytes(ulong start, ulong length)
    {
        ulong sum = 0;
        foreach (MapsLine line in Maps(start, length))
        {
            sum += Math.Min(line.End, start + length) - Math.Max(line.Start, start);
        }

        return sum;
    }

    /// <summary>How much of a range has pages entered in the page tables, the shared page of zeros included (/proc/self/pagemap, bit 63).</summary>
    internal static ulong Resident(byte* start, ulong length)
    {
        using SafeFileHandle map = File.OpenHandle("/proc/self/pagemap");
        byte[] entries = new byte[length / Page * 8];
        RandomAccess.Read(map, entries, (long)((ulong)start / Page * 8)).ShouldBe(entries.Length);
        ulong present = 0;
        for (int i = 7; i < entries.Length; i += 8)
        {
            present += (ulong)entries[i] >> 7;
        }

        return present * Page;
    }

    /// <summary>All addresses that this process has taken, in bytes.</summary>
    internal static long VirtualSize() =>
        long.Parse(
            File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmSize:", StringComparison.Ordinal))
                .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture) * 1024;

    internal static int OpenDescriptors() => Directory.GetFileSystemEntries("/proc/self/fd").Length;

    /// <summary>The same when what other tests have left to finalizers is closed, which would otherwise close in the middle of one that counts.</summary>
    internal static int SettledDescriptors()
    {
        CollectAll();
        return OpenDescriptors();
    }

    internal static int MapsCount() => File.ReadLines("/proc/self/maps").Count();

    internal static void CollectAll()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    internal static SafeFileHandle MemoryFile(ulong length, MemoryFileFlags flags = MemoryFileFlags.CloseOnExec | MemoryFileFlags.AllowSealing)
    {
        int descriptor = LibC.MemfdCreate("test", flags);
        descriptor.ShouldBeGreaterThanOrEqualTo(0);
        SafeFileHandle file = new(descriptor, ownsHandle: true);
        Truncate(file, length);
        return file;
    }

    internal static void Truncate(SafeFileHandle file, ulong length) => LibC.Ftruncate(file, (long)length).ShouldBe(0);

    internal static void Seal(SafeFileHandle file, FileSeals seals) => LibC.Fcntl(file, FileCommand.AddSeals, (nint)seals).ShouldBe(0);

    internal sealed record MapsLine(ulong Start, ulong End, string Permissions, ulong Offset, string Path)
    {
        internal static MapsLine Parse(string line)
        {
            string[] parts = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            string[] range = parts[0].Split('-');
            return new MapsLine(Hex(range[0]), Hex(range[1]), parts[1], Hex(parts[2]), parts.Length > 5 ? parts[5].Trim() : "");
        }

        private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}

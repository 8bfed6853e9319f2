using System.Buffers.Binary;
using Hyperspan.Interop.Linux;
using Hyperspan.Interop.Windows;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Guarding;

/// <summary>Memory with machine code in it, readable and executable, never writable at the same time.</summary>
/// <remarks>
/// The instruction caches of arm64 do not see what is written to memory by themselves. The kernel sees to it when it maps a page executable that it has not mapped so before
/// (<c>__sync_icache_dcache</c>): at mprotect(2), or at the first instruction fetch from a mapping of a file. So everything is written before that.
/// </remarks>
internal static unsafe class ExecutablePage
{
    /// <summary>
    /// Places code in memory of its own, which stays mapped for the life of the process. Answers null where the host refuses.
    /// </summary>
    /// <param name="code">The code and its data.</param>
    /// <param name="addresses">Offsets of words in it that hold offsets into it and are to hold addresses.</param>
    public static byte* TryCreate(ReadOnlySpan<byte> code, ReadOnlySpan<int> addresses = default)
    {
        if (OperatingSystem.IsWindows())
        {
            return TryProtectOnWindows(code);
        }

        byte* page = TryProtect(code, addresses);
        return page is not null ? page : TryMapTwice(code, addresses);
    }

    private static byte* TryProtectOnWindows(ReadOnlySpan<byte> code)
    {
        var length = RoundUp(code.Length);
        byte* page = Kernel32.VirtualAlloc(null, length, AllocationType.Reserve | AllocationType.Commit, PageProtection.ReadWrite);
        if (page is null)
        {
            return null;
        }

        Write(page, page, code, addresses: default);
        if (Kernel32.VirtualProtect(page, length, PageProtection.ExecuteRead, out _) && Kernel32.FlushInstructionCache(Kernel32.CurrentProcess, page, length))
        {
            return page;
        }

        _ = Kernel32.VirtualFree(page, 0, FreeType.Release);
        return null;
    }

    /// <summary>Anonymous memory that is written, then made executable.</summary>
    internal static byte* TryProtect(ReadOnlySpan<byte> code, ReadOnlySpan<int> addresses = default)
    {
        var length = RoundUp(code.Length);
        byte* page = LibC.Mmap(
            null, length, MappingProtection.ReadWrite, MappingFlags.Private | MappingFlags.Anonymous, -1, 0);
        if (page == LibC.MapFailed)
        {
            return null;
        }

        Write(page, page, code, addresses);
        if (LibC.Mprotect(page, length, MappingProtection.ReadExecute) == 0)
        {
            return page;
        }

        LibC.Munmap(page, length);
        return null;
    }

    /// <summary>
    /// A memory file mapped once to write it and once to run it, for hosts that refuse to make written memory executable.
    /// </summary>
    internal static byte* TryMapTwice(ReadOnlySpan<byte> code, ReadOnlySpan<int> addresses = default)
    {
        var fd = LibC.MemfdCreate("hyperspan-guard", MemoryFileFlags.CloseOnExec);
        if (fd < 0)
        {
            return null;
        }

        using var file = new SafeFileHandle(fd, ownsHandle: true);
        var length = RoundUp(code.Length);
        if (LibC.Ftruncate(file, (long)length) != 0)
        {
            return null;
        }

        byte* writable = LibC.Mmap(null, length, MappingProtection.ReadWrite, MappingFlags.Shared, fd, 0);
        if (writable == LibC.MapFailed)
        {
            return null;
        }

        byte* page = LibC.Mmap(null, length, MappingProtection.ReadExecute, MappingFlags.Shared, fd, 0);
        if (page != LibC.MapFailed)
        {
            Write(writable, page, code, addresses);
        }

        _ = LibC.Munmap(writable, length);
        return page == LibC.MapFailed ? null : page;
    }

    private static void Write(byte* writable, byte* executable, ReadOnlySpan<byte> code, ReadOnlySpan<int> addresses)
    {
        // SAFETY: the mapping is new, writable, known to nobody else and at least as long as the code.
        var target = new Span<byte>(writable, code.Length);
        code.CopyTo(target);
        foreach (var offset in addresses)
        {
            Span<byte> word = target.Slice(offset, sizeof(ulong));
            BinaryPrimitives.WriteUInt64LittleEndian(word, (ulong)executable + BinaryPrimitives.ReadUInt64LittleEndian(word));
        }
    }

    private static nuint RoundUp(int length) => (nuint)PageMath.RoundUp((ulong)length, PageMath.HostPageSize);
}

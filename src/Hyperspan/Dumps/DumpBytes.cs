using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;
using Hyperspan.Snapshots;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Dumps;

/// <summary>The bytes of a dump by their offsets, however they lie in the file. Safe to use from several threads.</summary>
internal class DumpBytes(SafeFileHandle file, string name, ulong length)
{
    /// <summary>Gets the name of the file, for messages.</summary>
    internal string Name => name;

    /// <summary>Gets how many there may be: reading past it fails.</summary>
    internal virtual ulong Length => length;

    /// <summary>Reads as many bytes as there is room for.</summary>
    /// <exception cref="InvalidDumpException">They are not in the file.</exception>
    internal virtual void ReadAt(ulong offset, Span<byte> destination)
    {
        if (offset > length || (ulong)destination.Length > length - offset)
        {
            throw new InvalidDumpException(name, "is incomplete");
        }

        ReadFile(offset, destination);
    }

    /// <summary>Finds the first byte from an offset on that may be other than zero: holes of the file are not read.</summary>
    internal virtual ulong NextData(ulong offset)
    {
        if (offset >= length || !OperatingSystem.IsLinux())
        {
            return offset;
        }

        long found = LibC.Lseek(file, (long)offset, SeekFrom.Data);
        return found >= 0 ? (ulong)found : Marshal.GetLastPInvokeError() == ErrorNumber.NoAddress ? length : offset;
    }

    /// <summary>Finds the first byte from an offset on, which is data, that is in a hole of the file: the end where there is none.</summary>
    internal ulong EndOfData(ulong offset)
    {
        long hole = OperatingSystem.IsLinux() ? LibC.Lseek(file, (long)offset, SeekFrom.Hole) : -1;
        return hole > (long)offset ? (ulong)hole : length;
    }

    /// <summary>Reads bytes of the file itself, which lie in it.</summary>
    protected void ReadFile(ulong offset, Span<byte> destination)
    {
        if (!RegularFile.TryReadAt(file, offset, destination))
        {
            throw new InvalidDumpException(name, "has become shorter");
        }
    }
}

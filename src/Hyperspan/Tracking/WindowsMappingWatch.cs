using System.Runtime.InteropServices;
using System.Runtime.Versioning;

using Hyperspan.Interop.Windows;

namespace Hyperspan;

/// <summary>
/// The record that Windows keeps of each allocation that asked for it when it was made (<c>MEM_WRITE_WATCH</c>): those of <see cref="SparseBacking"/>. There is one for the
/// whole process, which nothing else asks for.
/// </summary>
[SupportedOSPlatform("windows")]
internal sealed unsafe class WindowsMappingWatch : IMappingWatch
{
    private readonly GuestMemoryBacking _backing;

    /// <summary>Begins to watch.</summary>
    /// <exception cref="GuestMemoryMappingException">The mapping is no such allocation.</exception>
    internal WindowsMappingWatch(GuestMemoryBacking backing)
    {
        _backing = backing;
        if (!backing.TryBeginUse())
        {
            return;
        }

        try
        {
            if (backing is SparseBacking { Divided: not null })
            {
                return;
            }

            void* page;
            nuint count = 1;

            // SAFETY: room for the one page that is asked for; nothing is reset.
            uint answer = Kernel32.GetWriteWatch(WriteWatchOptions.None, backing.Mapping, (nuint)backing.Length, &page, &count, out _);
            if (answer != 0)
            {
                const string Hint = "Windows watches the memory of a SparseBacking, and no section or file";
                throw new GuestMemoryMappingException("watch the writes to", Marshal.GetLastPInvokeError(), backing.Name, (0, backing.Length), Hint);
            }
        }
        finally
        {
            backing.EndUse();
        }
    }

    /// <inheritdoc/>
    public void Take(DirtyMap marks)
    {
        if (!_backing.TryBeginUse())
        {
            return;
        }

        try
        {
            if (_backing is SparseBacking { Divided: { } divided })
            {
                divided.TakeWritten(marks);
            }
            else
            {
                WriteWatch.Take(_backing.Mapping, 0, _backing.Length, marks);
            }
        }
        finally
        {
            _backing.EndUse();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // The system goes on noting, and is not asked.
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;

using Hyperspan.Guarding;
using Hyperspan.Interop.Linux;
using Hyperspan.Snapshots;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.UserFaults;

/// <summary>
/// Keeps what pages hold at one moment, while everybody goes on writing: they are protected (userfaultfd(2), write protection), and whoever writes to one waits until what it
/// holds has been written elsewhere.
/// </summary>
/// <remarks>
/// <para>
/// A thread that waits in a plain store, or in a call without a transition, cannot be suspended for a collection. So what serves it must never wait for one: it is machine
/// code, which runs in a call with a transition from arming to the end, makes nothing but system calls, and needs nothing of the runtime. Managed code comes to a stop at
/// any of its calls.
/// </para>
/// <para>
/// What is kept goes to slots: so many in a memory file, and all further ones in a file on the disk. A writer that is faster than whoever reads is held for as long as
/// writing to that takes. It is not held until there is room: whoever makes room may wait for a collection, and that for the writer.
/// </para>
/// <para>For one thread at a time, except for the machine code and those who write.</para>
/// </remarks>
internal sealed unsafe class PageKeeper : IDisposable
{
    /// <summary>How many pieces of 4 KiB are kept in memory: 64 MiB.</summary>
    internal const ulong MostMemorySlots = 1 << 14;

    private const int SlotShift = 12;
    private const uint WasZero = uint.MaxValue;

    private readonly PageExtent[] _extents;
    private readonly UserFaultDescriptor _faults;
    private readonly SafeFileHandle _end;
    private readonly SafeFileHandle _memory;
    private readonly SafeFileHandle _spill;
    private readonly AddressReservation _reservation;
    private readonly KeeperState* _state;
    private readonly ManualResetEventSlim _ended = new();
    private Thread? _thread;

    /// <summary>Prepares it; nothing is protected yet.</summary>
    /// <param name="extents">What is to be kept; in the order of addresses, none overlapping another.</param>
    /// <param name="spill">A file that nobody else knows.</param>
    /// <param name="memorySlots">How many pieces of 4 KiB are kept in memory.</param>
    /// <exception cref="PlatformNotSupportedException">The kernel cannot do it, or this process may not ask.</exception>
    /// <exception cref="IOException">There are too many open files, or there is not enough memory.</exception>
    [SuppressMessage("Reliability", "CA2000", Justification = "Released by Dispose, which the constructor calls when it fails.")]
    internal PageKeeper(PageExtent[] extents, SafeFileHandle spill, ulong memorySlots = MostMemorySlots)
    {
        _extents = extents;
        _spill = spill;
        _faults = UserFaultDescriptor.CreateForAllFaults(
            LinuxConstants.UFFD_FEATURE_PAGEFAULT_FLAG_WP | LinuxConstants.UFFD_FEATURE_WP_HUGETLBFS_SHMEM, HyperspanAbility.LiveSnapshots, "Linux 5.19");
        try
        {
            _end = EventCounter.Create();
            _memory = CreateMemoryFile();
            ulong length = HeadLength;
            foreach (PageExtent extent in extents)
            {
                length += extent.WordsLength;
            }

            // Words of pages that are not written are never touched, and are no memory.
            _reservation = AddressReservation.Allocate(length, PageMath.PageSize, "kept pages", noReserve: true);
            _state = (KeeperState*)_reservation.Address;
        }
        catch
        {
            _memory?.Dispose();
            _end?.Dispose();
            _faults.Dispose();
            throw;
        }

        Fill(memorySlots);
    }

    /// <summary>Gets the length of the state and its ranges, before the words of pages.</summary>
    private ulong HeadLength => PageMath.RoundUp((ulong)sizeof(KeeperState) + ((ulong)_extents.Length * (ulong)sizeof(KeptRange)), PageMath.PageSize);

    /// <summary>Gets how many bytes have been kept so far.</summary>
    internal ulong KeptBytes => Volatile.Read(ref _state->NextSlot) << SlotShift;

    /// <summary>
    /// Protects everything. Who writes meanwhile is held, and goes on when this returns: that is the moment as of which pages are kept, and until then nobody has seen a write
    /// after it.
    /// </summary>
    /// <exception cref="GuestMemoryMappingException">The kernel does not protect such memory, or something else watches it.</exception>
    internal void Arm()
    {
        _thread = new Thread(Keep, maxStackSize: 256 << 10) { IsBackground = true, Name = "Hyperspan keeper" };
        _thread.UnsafeStart();
        while (Volatile.Read(ref _state->IsArmed) == 0 && !_ended.Wait(1))
        {
        }

        ThrowIfFailed();
    }

    /// <summary>
    /// Puts what pages held into bytes that were read of them, where they have been written since. The bytes must have been read before. They are right only if
    /// <see cref="ThrowIfFailed"/> does not throw afterwards.
    /// </summary>
    /// <param name="start">The address of the first byte.</param>
    /// <param name="bytes">What was read.</param>
    /// <exception cref="IOException">What was kept cannot be read back.</exception>
    internal void PutBack(ulong start, Span<byte> bytes)
    {
        // A page whose word is zero after this was protected while it was read.
        Interlocked.MemoryBarrier();
        while (bytes.Length > 0)
        {
            int index = SortedSearch.FirstNotBelow<PageExtent>(_extents, start + 1, static extent => extent.End);
            if (index == _extents.Length || _extents[index].Start > start)
            {
                throw new InvalidOperationException("bytes of no memory that is kept");
            }

            ref readonly PageExtent extent = ref _extents[index];
            int length = (int)Math.Min(extent.End - start, (ulong)bytes.Length);
            PutBack(extent, _state->Ranges[index].Pages, start, bytes[..length]);
            bytes = bytes[length..];
            start += (ulong)length;
        }
    }

    /// <summary>Whether the page with an address has been kept: what it holds now need not be looked at.</summary>
    internal bool IsKept(ulong address)
    {
        int index = SortedSearch.FirstNotBelow<PageExtent>(_extents, address + 1, static extent => extent.End);
        return index < _extents.Length && _extents[index].Start <= address
            && Volatile.Read(ref _state->Ranges[index].Pages[(address - _extents[index].Start) >> _extents[index].Shift]) != 0;
    }

    /// <summary>Lets whole pages go: what they hold has been read.</summary>
    /// <param name="start">The address of the first byte; that of a page.</param>
    /// <param name="length">Whole pages of one extent.</param>
    internal void LetGo(ulong start, ulong length)
    {
        // That it failed only means that they are held and kept once more.
        if (length != 0)
        {
            _ = _faults.LiftWriteProtection((byte*)start, length);
        }
    }

    /// <summary>Throws if anything has failed. What was read of memory before is right if it does not.</summary>
    /// <exception cref="GuestMemoryMappingException">Memory cannot be protected.</exception>
    /// <exception cref="IOException">What a page held could not be written: the disk is full.</exception>
    internal void ThrowIfFailed()
    {
        Interlocked.MemoryBarrier();
        int error = Volatile.Read(ref _state->Error);
        if (error == 0)
        {
            return;
        }

        switch (_state->Step)
        {
            case KeeperStep.Arm:
                PageExtent extent = _extents[Math.Min(_state->Registered, _state->RangeCount - 1)];
                string hint = error == ErrorNumber.Busy
                    ? "something else watches it: memory restored on demand, a live save or a dirty log of its mapping, which is to be stopped before (one of operations may go on)"
                    : "the kernel protects memory without a file, memory files, files on tmpfs and huge pages, and no file on a disk, such as a mapped snapshot's";
                throw new GuestMemoryMappingException("protect", error, extent.Name, (0, extent.End - extent.Start), hint);
            case KeeperStep.Keep:
                throw new IOException(string.Create(
                    CultureInfo.InvariantCulture, $"What a page held before it was written could not be kept: {Marshal.GetPInvokeErrorMessage(error)}"), error);
            case KeeperStep.Serve:
                throw new IOException($"Writes to protected memory could not be waited for: {Marshal.GetPInvokeErrorMessage(error)}", error);
            case KeeperStep.Lift:
                throw new IOException($"The protection of a page could not be changed: {Marshal.GetPInvokeErrorMessage(error)}", error);
            default:
                throw new IOException($"The protection of memory has failed: {Marshal.GetPInvokeErrorMessage(error)}", error);
        }
    }

    /// <summary>Ends it: nothing is protected any more, and nobody is held. Idempotent.</summary>
    internal void End()
    {
        if (_thread is { } thread)
        {
            EventCounter.Signal(_end);
            thread.Join();
            _thread = null;
        }
    }

    /// <summary>Ends it, and forgets what was kept. The spill file stays the caller's.</summary>
    public void Dispose()
    {
        End();
        _reservation.GiveBack();
        _memory.Dispose();
        _end.Dispose();
        _faults.Dispose();
        _ended.Dispose();
    }

    private static SafeFileHandle CreateMemoryFile()
    {
        int descriptor = LibC.MemfdCreate("hyperspan-kept", MemoryFileFlags.CloseOnExec);
        return descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw new IOException($"memfd_create: {ErrorNumber.LastMessage}");
    }

    private void Fill(ulong memorySlots)
    {
        // SAFETY: the reservation is long enough for the state, the ranges and their words, one after the other, and zero.
        byte* place = _reservation.Address;
        _state->Faults = _faults.Number;
        _state->MemoryFile = (int)_memory.DangerousGetHandle();
        _state->SpillFile = (int)_spill.DangerousGetHandle();
        _state->Ranges = (KeptRange*)(place + sizeof(KeeperState));
        _state->RangeCount = (ulong)_extents.Length;
        _state->MemorySlots = memorySlots;
        _state->FaultsPoll = new PollEntry { Descriptor = _faults.Number, Events = PollEvents.In };
        _state->EndPoll = new PollEntry { Descriptor = (int)_end.DangerousGetHandle(), Events = PollEvents.In };
        ulong at = HeadLength;
        for (int i = 0; i < _extents.Length; i++)
        {
            PageExtent extent = _extents[i];
            _state->Ranges[i] = new KeptRange
            {
                Start = extent.Start,
                Length = extent.End - extent.Start,
                Mode = LinuxConstants.UFFDIO_REGISTER_MODE_WP | (extent.IsPrivate ? LinuxConstants.UFFDIO_REGISTER_MODE_MISSING : 0),
                Shift = (ulong)extent.Shift,
                Pages = (uint*)(place + at),
            };
            at += extent.WordsLength;
        }
    }

    private void Keep()
    {
        Guard.KeepPages(_state);
        _ended.Set();
    }

    private void PutBack(in PageExtent extent, uint* words, ulong start, Span<byte> bytes)
    {
        ulong size = 1UL << extent.Shift;
        while (bytes.Length > 0)
        {
            ulong page = (start - extent.Start) >> extent.Shift;
            ulong inPage = (start - extent.Start) & (size - 1);
            int length = (int)Math.Min(size - inPage, (ulong)bytes.Length);
            uint word = Volatile.Read(ref words[page]);
            if (word == WasZero)
            {
                bytes[..length].Clear();
            }
            else if (word != 0)
            {
                ReadSlot(word - 1UL, size, inPage, bytes[..length]);
            }

            bytes = bytes[length..];
            start += (ulong)length;
        }
    }

    private void ReadSlot(ulong slot, ulong size, ulong inPage, Span<byte> bytes)
    {
        SafeFileHandle file = slot + (size >> SlotShift) > _state->MemorySlots ? _spill : _memory;
        if (!RegularFile.TryReadAt(file, (slot << SlotShift) + inPage, bytes))
        {
            throw new EndOfStreamException("What a page held before it was written cannot be read back.");
        }
    }
}

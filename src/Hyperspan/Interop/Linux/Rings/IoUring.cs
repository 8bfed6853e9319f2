using System.Runtime.InteropServices;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Interop.Linux;

/// <summary>
/// A pair of rings shared with the kernel (io_uring(7)): operations are put into the one, what came of them is taken from the other. Linux 5.11 or later.
/// </summary>
/// <remarks>
/// <para>
/// Used by the thread that made it, and by no other: on newer kernels it is told so, and works on completions when that thread waits for them. Memory that an operation names must
/// stay until its completion has been taken; the rings themselves live in mappings that are given back by <see cref="Dispose"/>, when nothing is in flight.
/// </para>
/// <para>
/// Ordering, as io_uring(7) demands it. Submission: the entry is written, then the tail is stored with release, so that the kernel, which loads it with acquire, sees the entry
/// whole; the kernel's head is loaded with acquire, so that an entry is not written again before the kernel has read it. Completion: the kernel's tail is loaded with acquire
/// before an entry is read; the head is stored with release after that, so that the kernel does not write into an entry that is being read.
/// </para>
/// </remarks>
internal sealed unsafe class IoUring : IDisposable
{
    private const long RingsOffset = 0;
    private const long EntriesOffset = 0x1000_0000;
    private const uint RegisterFiles = 2;

    // IORING_FEAT_SINGLE_MMAP, NODROP, SUBMIT_STABLE, EXT_ARG.
    private const uint NeededFeatures = (1 << 0) | (1 << 1) | (1 << 2) | (1 << 8);

    // IORING_ENTER_GETEVENTS, EXT_ARG.
    private const uint GetEvents = 1 << 0;
    private const uint ExtendedArgument = 1 << 3;

    private readonly SafeFileHandle _ring;
    private readonly int _descriptor;
    private byte* _rings;
    private readonly nuint _ringsLength;
    private IoUringSubmission* _entries;
    private readonly nuint _entriesLength;
    private readonly uint* _submissionHead;
    private readonly uint* _submissionTail;
    private readonly uint _submissionMask;
    private readonly uint* _completionHead;
    private readonly uint* _completionTail;
    private readonly uint _completionMask;
    private readonly IoUringCompletion* _completions;
    private uint _tail;
    private uint _head;

    private IoUring(SafeFileHandle ring, IoUringParameters parameters)
    {
        _ring = ring;
        bool held = false;
        ring.DangerousAddRef(ref held);
        _descriptor = (int)ring.DangerousGetHandle();
        nuint submissions = parameters.SubmissionArray + ((nuint)parameters.SubmissionEntries * sizeof(uint));
        nuint completions = parameters.Completions + ((nuint)parameters.CompletionEntries * (nuint)sizeof(IoUringCompletion));
        _ringsLength = Math.Max(submissions, completions);
        _entriesLength = (nuint)parameters.SubmissionEntries * (nuint)sizeof(IoUringSubmission);
        _rings = Map(_descriptor, _ringsLength, RingsOffset);
        if (_rings == null)
        {
            return;
        }

        // SAFETY: the offsets are the kernel's own, and lie in the mapping, whose length was computed as io_uring_setup(2) says.
        _submissionHead = (uint*)(_rings + parameters.SubmissionHead);
        _submissionTail = (uint*)(_rings + parameters.SubmissionTail);
        _submissionMask = *(uint*)(_rings + parameters.SubmissionMask);
        _completionHead = (uint*)(_rings + parameters.CompletionHead);
        _completionTail = (uint*)(_rings + parameters.CompletionTail);
        _completionMask = *(uint*)(_rings + parameters.CompletionMask);
        _completions = (IoUringCompletion*)(_rings + parameters.Completions);
        _tail = *_submissionTail;
        _head = *_completionHead;

        // Entry i of the ring is always entry i of the array.
        uint* array = (uint*)(_rings + parameters.SubmissionArray);
        for (uint i = 0; i < parameters.SubmissionEntries; i++)
        {
            array[i] = i;
        }

        _entries = (IoUringSubmission*)Map(_descriptor, _entriesLength, EntriesOffset);
    }

    /// <summary>Makes a pair of rings, for the thread that calls.</summary>
    /// <param name="submissions">How many operations can be put together; a power of two.</param>
    /// <param name="completions">For how many completions there is room; more are kept by the kernel until there is.</param>
    /// <param name="error">The error number where it cannot be made; <see cref="ErrorNumber.NotImplemented"/> also where the kernel is too old.</param>
    /// <returns>The rings, or <see langword="null"/>.</returns>
    internal static IoUring? TryCreate(uint submissions, uint completions, out int error)
    {
        // What older kernels do not know is left out.
        ReadOnlySpan<IoUringSetupFlags> choices =
        [
            IoUringSetupFlags.SingleIssuer | IoUringSetupFlags.DeferredTasks,
            IoUringSetupFlags.CooperativeTasks,
            IoUringSetupFlags.None,
        ];
        error = ErrorNumber.NotImplemented;
        foreach (IoUringSetupFlags choice in choices)
        {
            var parameters = new IoUringParameters
            {
                Flags = choice | IoUringSetupFlags.Clamp | IoUringSetupFlags.CompletionSize,
                CompletionEntries = completions,
            };

            // SAFETY: a local that outlives the call; the structure has the size that the kernel reads and writes.
            int descriptor = LibC.IoUringSetup(submissions, &parameters);
            if (descriptor < 0)
            {
                error = Marshal.GetLastPInvokeError();
                if (error == ErrorNumber.InvalidArgument)
                {
                    continue;
                }

                return null;
            }

            var file = new SafeFileHandle(descriptor, ownsHandle: true);
            if ((parameters.Features & NeededFeatures) != NeededFeatures)
            {
                file.Dispose();
                error = ErrorNumber.NotImplemented;
                return null;
            }

            var ring = new IoUring(file, parameters);
            if (ring._entries != null)
            {
                error = ErrorNumber.None;
                return ring;
            }

            error = Marshal.GetLastPInvokeError();
            ring.Dispose();
            return null;
        }

        return null;
    }

    /// <summary>Gets how many operations have been put together and not yet been submitted.</summary>
    internal uint Unsubmitted => _tail - Volatile.Read(ref *_submissionHead);

    /// <summary>Gets a value indicating whether a completion can be taken.</summary>
    internal bool HasCompletion => _head != Volatile.Read(ref *_completionTail);

    /// <summary>Registers a file: operations name it by the index zero, which saves them looking it up.</summary>
    /// <returns>Whether it was registered.</returns>
    internal bool TryRegister(SafeFileHandle file)
    {
        using var held = new HeldDescriptor(file);
        int descriptor = held.Number;

        // SAFETY: one number on this stack.
        return LibC.IoUringRegister(_descriptor, RegisterFiles, &descriptor, 1) == 0;
    }

    /// <summary>Puts an operation into the ring.</summary>
    /// <returns>Whether there was room; if not, <see cref="Enter"/> makes some.</returns>
    internal bool TryPut(IoUringSubmission submission)
    {
        // Acquire: the kernel has read the entry that is written now.
        if (_tail - Volatile.Read(ref *_submissionHead) > _submissionMask)
        {
            return false;
        }

        // SAFETY: the index is masked.
        _entries[_tail & _submissionMask] = submission;

        // Release: the entry is seen before the tail that covers it.
        Volatile.Write(ref *_submissionTail, ++_tail);
        return true;
    }

    /// <summary>Submits what was put into the ring, has completions worked on, and waits for some of them.</summary>
    /// <param name="complete">How many completions to wait for; zero not to wait.</param>
    /// <param name="timeoutMilliseconds">How long to wait at most; without limit if negative.</param>
    /// <returns>
    /// Zero, also when the time was over; otherwise the error number: <see cref="ErrorNumber.TryAgain"/> and <see cref="ErrorNumber.Busy"/> pass when completions have been taken.
    /// </returns>
    internal int Enter(uint complete, int timeoutMilliseconds)
    {
        long end = timeoutMilliseconds < 0 ? long.MaxValue : Environment.TickCount64 + timeoutMilliseconds;
        while (true)
        {
            int left = timeoutMilliseconds < 0 ? -1 : (int)Math.Max(0, end - Environment.TickCount64);
            int error = EnterOnce(complete, left);
            if (error == ErrorNumber.TimedOut)
            {
                return ErrorNumber.None;
            }

            if (error != ErrorNumber.Interrupted)
            {
                return error;
            }

            if (HasCompletion)
            {
                return ErrorNumber.None;
            }
        }
    }

    /// <summary>Takes a completion.</summary>
    internal bool TryTake(out IoUringCompletion completion)
    {
        // Acquire: the entry is read after the tail that covers it.
        if (_head == Volatile.Read(ref *_completionTail))
        {
            completion = default;
            return false;
        }

        // SAFETY: the index is masked.
        completion = _completions[_head & _completionMask];

        // Release: the entry has been read before the kernel may write it again.
        Volatile.Write(ref *_completionHead, ++_head);
        return true;
    }

    /// <summary>Gives the rings back. What is in flight, polls alone, is cancelled by the kernel.</summary>
    public void Dispose()
    {
        if (_rings != null)
        {
            // SAFETY: mapped by this object with these lengths, and used by nobody else.
            _ = LibC.Munmap(_rings, _ringsLength);
            _rings = null;
        }

        if (_entries != null)
        {
            _ = LibC.Munmap(_entries, _entriesLength);
            _entries = null;
        }

        if (!_ring.IsClosed)
        {
            _ring.DangerousRelease();
            _ring.Dispose();
        }
    }

    private static byte* Map(int descriptor, nuint length, long offset)
    {
        byte* mapping = LibC.Mmap(null, length, MappingProtection.ReadWrite, MappingFlags.Shared | MappingFlags.Populate, descriptor, offset);
        return mapping == LibC.MapFailed ? null : mapping;
    }

    private int EnterOnce(uint complete, int timeoutMilliseconds)
    {
        long* time = stackalloc long[2];
        time[0] = timeoutMilliseconds / 1000;
        time[1] = timeoutMilliseconds % 1000 * 1_000_000L;

        // struct io_uring_getevents_arg: no signal mask; the time last.
        ulong* argument = stackalloc ulong[3];
        argument[0] = 0;
        argument[1] = 0;
        argument[2] = timeoutMilliseconds >= 0 && complete != 0 ? (ulong)time : 0;

        // SAFETY: both lie on this stack until the call has returned, and have the sizes that the kernel reads.
        int entered = LibC.IoUringEnter(_descriptor, Unsubmitted, complete, GetEvents | ExtendedArgument, argument, 3 * sizeof(ulong));
        return entered >= 0 ? ErrorNumber.None : Marshal.GetLastPInvokeError();
    }
}

namespace Hyperspan.Interop.Linux;

/// <content>io_uring(7), which libc does not offer; the numbers are the same on every architecture.</content>
internal static unsafe partial class LibC
{
    private const nint SetupNumber = 425;
    private const nint EnterNumber = 426;
    private const nint RegisterNumber = 427;

    internal static int IoUringSetup(uint entries, IoUringParameters* parameters) => (int)Syscall(SetupNumber, (nint)entries, (nint)parameters, 0, 0, 0, 0);

    internal static int IoUringEnter(int ring, uint submit, uint complete, uint flags, void* argument, nuint length) =>
        (int)Syscall(EnterNumber, ring, (nint)submit, (nint)complete, (nint)flags, (nint)argument, (nint)length);

    internal static int IoUringRegister(int ring, uint operation, void* argument, uint count) =>
        (int)Syscall(RegisterNumber, ring, (nint)operation, (nint)argument, (nint)count, 0, 0);
}

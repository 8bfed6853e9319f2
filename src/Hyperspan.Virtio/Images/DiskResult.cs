using System.Runtime.InteropServices;

namespace Hyperspan.Virtio;

/// <summary>How an operation on a disk image went. The default value means success.</summary>
public readonly struct DiskResult
{
    private DiskResult(int errno, GuestMemoryFault fault)
    {
        ErrorNumber = errno;
        Fault = fault;
    }

    /// <summary>Gets the result of an operation that went well.</summary>
    public static DiskResult Success => default;

    /// <summary>Gets the error number of the system (errno(3)) for a failure of the image, or zero.</summary>
    public int ErrorNumber { get; }

    /// <summary>Gets the fault for a failure of guest memory; not a fault otherwise.</summary>
    public GuestMemoryFault Fault { get; }

    /// <summary>Gets a value indicating whether all was done.</summary>
    public bool Succeeded => ErrorNumber == 0 && !Fault.IsFault;

    /// <summary>Makes the result of an operation that the image failed.</summary>
    /// <param name="errno">The error number, not zero.</param>
    /// <returns>The result.</returns>
    public static DiskResult FromErrorNumber(int errno) => new(errno, default);

    /// <summary>Makes the result of an operation that guest memory failed.</summary>
    /// <param name="fault">The fault.</param>
    /// <returns>The result.</returns>
    public static DiskResult FromFault(in GuestMemoryFault fault) => new(0, fault);

    /// <summary>Says what happened: <c>success</c>, the system's error, or the fault.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => Succeeded ? "success" : Fault.IsFault ? Fault.ToString() : Marshal.GetPInvokeErrorMessage(ErrorNumber);
}

namespace Hyperspan.Kvm;

/// <summary>The kernel's KVM refused something.</summary>
public sealed class KvmException : IOException
{
    internal KvmException(string operation, int error, string? hint = null)
        : base($"{operation}: {Interop.Linux.ErrorNumber.Name(error)}{(hint is null ? "" : $" ({hint})")}")
    {
        Operation = operation;
        ErrorNumber = error;
    }

    /// <summary>Gets what was refused, by its name in the kernel's documentation of KVM where it has one.</summary>
    public string Operation { get; }

    /// <summary>Gets the number of the error (errno(3)).</summary>
    public int ErrorNumber { get; }
}

namespace Hyperspan.Kvm;

/// <summary>What was given cannot be made into a machine that starts. The message is one sentence, which names the file or the number.</summary>
public sealed class MachineException : IOException
{
    internal MachineException(string message)
        : base(message)
    {
    }
}

namespace Hyperspan.Interop.Linux;

/// <summary><c>POLL…</c> (poll(2)).</summary>
[Flags]
internal enum PollEvents : short
{
    None = 0,
    In = 0x1,
    Out = 0x4,
}

namespace Hyperspan.Interop.Linux;

/// <summary><c>IORING_SETUP_…</c> (io_uring_setup(2)).</summary>
[Flags]
internal enum IoUringSetupFlags : uint
{
    None = 0,

    /// <summary>The number of completion entries is given.</summary>
    CompletionSize = 1 << 3,

    /// <summary>Too many entries are made as many as are possible.</summary>
    Clamp = 1 << 4,

    /// <summary>Completions do not interrupt the thread (Linux 5.19).</summary>
    CooperativeTasks = 1 << 8,

    /// <summary>One thread alone submits (Linux 6.0).</summary>
    SingleIssuer = 1 << 12,

    /// <summary>Completions are worked on when that thread asks for them, and not in between (Linux 6.1).</summary>
    DeferredTasks = 1 << 13,
}

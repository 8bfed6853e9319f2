namespace Hyperspan.Kvm.Tests.Infrastructure;

/// <summary>A processor that runs on a thread of its own until it comes back for good.</summary>
internal sealed class RunningProcessor
{
    private readonly Task<KvmExit> _task;

    internal RunningProcessor(VirtualProcessor processor)
    {
        Processor = processor;
        _task = Task.Factory.StartNew(processor.Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    internal VirtualProcessor Processor { get; }

    /// <summary>Whether it has come back.</summary>
    internal bool HasEnded => _task.IsCompleted;

    internal KvmExit Wait()
    {
        _task.Wait(TimeSpan.FromMinutes(2)).ShouldBeTrue("the processor did not come back");
        return _task.GetAwaiter().GetResult();
    }

    internal KvmExit Stop()
    {
        Processor.Interrupt();
        return Wait();
    }
}

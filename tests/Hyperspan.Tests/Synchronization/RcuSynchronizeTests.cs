using Hyperspan.Synchronization;

namespace Hyperspan.Tests.Synchronization;

[Collection(RcuTests.Name)]
public sealed class RcuSynchronizeTests
{
    private readonly RcuDomain _domain = new("test");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Waits_for_a_running_section_and_not_for_later_ones(bool blocking)
    {
        using var early = new RcuWorker();
        using var late = new RcuWorker();
        early.Enter(_domain);

        // What comes later is known to come later once the writer complains about the early one.
        using var waits = new ManualResetEventSlim();
        _domain.StallThreshold = TimeSpan.FromMilliseconds(1);
        _domain.Stalled += (_, _) => waits.Set();
        Task writer = Start(blocking);
        waits.Wait(RcuWorker.Patience).ShouldBeTrue();

        late.Enter(_domain);
        writer.IsCompleted.ShouldBeFalse();
        early.Leave();
        writer.ShouldFinish();
        late.Do(() => _domain.IsInSection.ShouldBeTrue());
    }

    [Fact]
    public void A_reader_that_enters_again_at_once_does_not_starve_the_writer()
    {
        using var reader = new RcuWorker();
        reader.Enter(_domain);
        Task writer = _domain.SynchronizeAsync();
        writer.IsCompleted.ShouldBeFalse();

        reader.Leave();
        reader.Enter(_domain);
        writer.ShouldFinish();
    }

    [Fact]
    public void The_outermost_section_counts()
    {
        using var reader = new RcuWorker();
        reader.Enter(_domain);
        Task writer = _domain.SynchronizeAsync();
        reader.Enter(_domain);
        reader.Leave();
        reader.Enter(_domain);
        writer.ShouldNotFinish();
        reader.Leave();
        writer.ShouldNotFinish();
        reader.Leave();
        writer.ShouldFinish();
    }

    [Fact]
    public void Waits_for_every_reader()
    {
        RcuWorker[] readers = [.. Enumerable.Range(0, 5).Select(_ => new RcuWorker())];
        foreach (RcuWorker reader in readers)
        {
            reader.Enter(_domain);
        }

        Task[] writers = [Start(blocking: true), Start(blocking: false), Start(blocking: false)];
        foreach (RcuWorker reader in readers)
        {
            Task.WhenAny(writers).ShouldNotFinish();
            reader.Dispose();
        }

        Task.WhenAll(writers).ShouldFinish();
    }

    [Fact]
    public void Cancellation_ends_a_blocking_wait()
    {
        using var reader = new RcuWorker();
        using var cancel = new CancellationTokenSource();
        reader.Enter(_domain);
        Task writer = Task.Factory.StartNew(
            () => _domain.Synchronize(cancel.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        writer.ShouldNotFinish();
        cancel.Cancel();
        Should.Throw<OperationCanceledException>(writer.ShouldFinish)
            .CancellationToken.ShouldBe(cancel.Token);

        Should.Throw<OperationCanceledException>(() => _domain.Synchronize(cancel.Token));
        reader.Leave();
        _domain.Synchronize();
    }

    [Fact]
    public async Task Cancellation_ends_an_asynchronous_wait()
    {
        using var reader = new RcuWorker();
        using var cancel = new CancellationTokenSource();
        reader.Enter(_domain);
        Task writer = _domain.SynchronizeAsync(cancel.Token);
        writer.IsCompleted.ShouldBeFalse();
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => writer.WaitAsync(RcuWorker.Patience));
        _domain.SynchronizeAsync(cancel.Token).IsCanceled.ShouldBeTrue();
        reader.Leave();
        await _domain.SynchronizeAsync().WaitAsync(RcuWorker.Patience);
    }

    [Fact]
    public void Many_writers_and_restless_readers_all_get_through()
    {
        bool stop = false;
        Thread[] readers = Run(2, () =>
        {
            while (!Volatile.Read(ref stop))
            {
                using (_domain.Enter())
                using (_domain.Enter())
                {
                }
            }
        });
        Thread[] writers = Run(4, () =>
        {
            for (int i = 0; i < 200; i++)
            {
                _domain.Synchronize();
            }
        });
        writers.ShouldAllBe(writer => writer.Join(RcuWorker.Patience));
        Volatile.Write(ref stop, true);
        readers.ShouldAllBe(reader => reader.Join(RcuWorker.Patience));
    }

    [Fact]
    public void Idle_threads_are_not_waited_for_and_synchronize_themselves()
    {
        RcuWorker[] idle = [.. Enumerable.Range(0, 64).Select(_ => new RcuWorker())];
        foreach (RcuWorker worker in idle)
        {
            worker.Do(() =>
            {
                using (_domain.Enter())
                {
                }
            });
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            _domain.Synchronize();
            _domain.SynchronizeAsync().IsCompletedSuccessfully.ShouldBeTrue();
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(1000);
        idle[63].Do(() => _domain.Synchronize());
        foreach (RcuWorker worker in idle)
        {
            worker.Dispose();
        }
    }

    private static Thread[] Run(int count, ThreadStart body)
    {
        Thread[] threads = [.. Enumerable.Range(0, count).Select(_ => new Thread(body) { IsBackground = true })];
        Array.ForEach(threads, thread => thread.Start());
        return threads;
    }

    private Task Start(bool blocking) => blocking
        ? Task.Factory.StartNew(
            () => _domain.Synchronize(), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)
        : _domain.SynchronizeAsync();
}

using Hyperspan.Synchronization;

namespace Hyperspan.Tests.Synchronization;

/// <summary>An interrupt does not keep a thread from a lock, and is not lost either.</summary>
public class UninterruptedLockTests
{
    [Fact]
    public void An_interrupt_while_waiting_is_put_off_until_the_lock_was_held()
    {
        var gate = new Lock();
        bool held = false;
        bool interrupted = false;
        var waiter = new Thread(() =>
        {
            using (UninterruptedLock.Enter(gate))
            {
                held = gate.IsHeldByCurrentThread;
            }

            try
            {
                Thread.Sleep(Timeout.Infinite);
            }
            catch (ThreadInterruptedException)
            {
                interrupted = true;
            }
        });
        gate.Enter();
        waiter.Start();
        SpinWait.SpinUntil(() => waiter.ThreadState == ThreadState.WaitSleepJoin);
        waiter.Interrupt();
        gate.Exit();
        waiter.Join();
        held.ShouldBeTrue();
        interrupted.ShouldBeTrue();
        gate.TryEnter().ShouldBeTrue();
        gate.Exit();
    }
}

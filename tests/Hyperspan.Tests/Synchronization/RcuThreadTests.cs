using Hyperspan.Synchronization;

namespace Hyperspan.Tests.Synchronization;

[Collection(RcuTests.Name)]
public sealed class RcuThreadTests
{
    private readonly RcuDomain _domain = UnusedDomain();

    [Fact]
    public void Threads_born_and_ending_do_not_leak_slots()
    {
        int before = RcuRegistry.Threads.Length;
        for (int i = 0; i < 2000; i++)
        {
            RunThread(() =>
            {
                using (_domain.Enter())
                using (RcuDomain.GuestMemory.Enter())
                {
                }
            });
        }

        // Twice the threads alive, those of other tests included, and never two thousand.
        (RcuRegistry.Threads.Length - before).ShouldBeLessThan(200);
    }

    [Fact]
    public void A_reused_slot_starts_outside_and_works_in_any_domain()
    {
        // The first thread grows its tables for many domains; its successors use few, or others.
        RcuDomain[] domains = [.. Enumerable.Range(0, 30).Select(i => new RcuDomain($"domain {i}"))];
        for (int round = 0; round < 100; round++)
        {
            int first = round * 7 % 30;
            RunThread(() =>
            {
                foreach (RcuDomain domain in round == 0 ? domains : domains.Skip(first).Take(2))
                {
                    domain.IsInSection.ShouldBeFalse();
                    using (domain.Enter())
                    {
                        domain.IsInSection.ShouldBeTrue();
                        domains.Count(d => d.IsInSection).ShouldBe(1);
                    }
                }
            });
            RcuRegistry.Sweep();
        }

        Array.ForEach(domains, domain => domain.Synchronize());
    }

    [Fact]
    public void Writers_wait_for_a_thread_that_reuses_the_slots_of_another()
    {
        var other = new RcuDomain("other");

        // Everything free is taken, so that the next record to be freed is the next one to be used.
        RcuRegistry.Sweep();
        RcuWorker[] takers = [.. Enumerable.Range(0, 20).Select(_ => new RcuWorker())];
        Array.ForEach(takers, taker => taker.Do(EnterBoth));
        foreach (RcuWorker taker in takers)
        {
            taker.Dispose();
            RcuRegistry.Sweep();
            using var heir = new RcuWorker();
            heir.Enter(_domain);
            heir.Enter(other);
            foreach (RcuDomain domain in new[] { other, _domain })
            {
                Task writer = domain.SynchronizeAsync();
                writer.IsCompleted.ShouldBeFalse();
                heir.Leave();
                writer.ShouldFinish();
            }
        }

        void EnterBoth()
        {
            using (_domain.Enter())
            using (other.Enter())
            {
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_thread_that_ends_inside_a_section_does_not_hold_up_writers(bool blocking)
    {
        RunThread(() =>
        {
            _ = _domain.Enter();
            _ = _domain.Enter();
        });

        if (blocking)
        {
            await Task.Run(() => _domain.Synchronize()).WaitAsync(RcuWorker.Patience);
        }
        else
        {
            await _domain.SynchronizeAsync().WaitAsync(RcuWorker.Patience);
        }

        // Whoever gets that slot next is in no section, also not in a nested one.
        RunThread(() =>
        {
            using (_domain.Enter())
            {
            }

            _domain.IsInSection.ShouldBeFalse();
        });
    }

    [Fact]
    public void A_section_of_a_collected_domain_is_none_of_a_new_one()
    {
        using (RcuSection section = EnterForgotten(out int number))
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            for (int i = 0; i < 100; i++)
            {
                var domain = new RcuDomain($"new {i}");
                domain.Index.ShouldNotBe(number);
                domain.IsInSection.ShouldBeFalse();
                domain.Synchronize();
                domain.Quiesce();
                GC.KeepAlive(domain);
            }
        }

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static RcuSection EnterForgotten(out int number)
        {
            var domain = new RcuDomain("forgotten");
            number = domain.Index;
            return domain.Enter();
        }
    }

    [Fact]
    public void Numbers_of_domains_collected_in_a_section_are_used_again_after_it()
    {
        List<RcuDomain> domains = [];
        var numbers = new HashSet<int>();

        // Threads that end inside.
        for (int i = 0; i < 4; i++)
        {
            RunThread(() => numbers.Add(EnterAndForget()));
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        while (domains.Count < 1000 && !numbers.IsSubsetOf(domains.Select(domain => domain.Index)))
        {
            domains.Add(new RcuDomain("next"));
        }

        domains.Select(domain => domain.Index).ShouldBeUnique();
        domains.Count.ShouldBeLessThan(1000);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static int EnterAndForget()
        {
            var domain = new RcuDomain("forgotten");
            domain.Enter();
            return domain.Index;
        }
    }

    [Fact]
    public void Numbers_of_collected_domains_are_used_again()
    {
        int highest = 0;
        for (int i = 0; i < 200; i++)
        {
            highest = Math.Max(highest, UseDomain());
            if (i % 20 == 19)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }

        highest.ShouldBeLessThan(150);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static int UseDomain()
        {
            var domain = new RcuDomain("short-lived");
            using (domain.Enter())
            {
                domain.IsInSection.ShouldBeTrue();
            }

            domain.Synchronize();
            return domain.Index;
        }
    }

    [Fact]
    public void Quiescent_threads_spare_the_writer_the_barrier()
    {
        using var one = new RcuWorker();
        using var two = new RcuWorker();
        void EnterAndLeave()
        {
            using (_domain.Enter())
            {
            }
        }

        // The writer's own registration costs it nothing.
        WantsBarrier(_domain).ShouldBeFalse();
        EnterAndLeave();
        WantsBarrier(_domain).ShouldBeFalse();
        _domain.Synchronize();

        one.Do(EnterAndLeave);
        two.Do(EnterAndLeave);
        WantsBarrier(_domain).ShouldBeTrue();
        _domain.Synchronize();

        one.Do(_domain.Quiesce);
        WantsBarrier(_domain).ShouldBeTrue();
        _domain.Synchronize();

        two.Do(_domain.Quiesce);
        two.Do(_domain.Quiesce);
        WantsBarrier(_domain).ShouldBeFalse();
        _domain.Synchronize();
        _domain.SynchronizeAsync().IsCompletedSuccessfully.ShouldBeTrue();

        // Entering ends it.
        two.Enter(_domain);
        WantsBarrier(_domain).ShouldBeTrue();
        Task writer = _domain.SynchronizeAsync();
        writer.IsCompleted.ShouldBeFalse();
        two.Leave();
        writer.ShouldFinish();
    }

    private static bool WantsBarrier(RcuDomain domain) => RcuGracePeriod.AnyAttached(RcuRegistry.Threads, RcuThread.Current, domain.Index);

    [Fact]
    public void Quiescing_is_per_domain()
    {
        RcuDomain other = UnusedDomain();
        using var worker = new RcuWorker();
        worker.Do(() =>
        {
            using (_domain.Enter())
            using (other.Enter())
            using (RcuDomain.GuestMemory.Enter())
            {
            }

            other.Quiesce();
        });
        WantsBarrier(other).ShouldBeFalse();
        other.Synchronize();
        WantsBarrier(_domain).ShouldBeTrue();
        _domain.Synchronize();

        worker.Enter(RcuDomain.GuestMemory);
        worker.Do(_domain.Quiesce);
        worker.Do(() => Should.Throw<InvalidOperationException>(RcuDomain.GuestMemory.Quiesce));
        worker.Leave();
        worker.Do(RcuDomain.GuestMemory.Quiesce);
        worker.Enter(RcuDomain.GuestMemory);
        Task writer = RcuDomain.GuestMemory.SynchronizeAsync();
        writer.IsCompleted.ShouldBeFalse();
        worker.Leave();
        writer.ShouldFinish();
    }

    /// <summary>A domain whose number did not belong to a collected domain that threads of other tests used.</summary>
    private static RcuDomain UnusedDomain()
    {
        List<RcuDomain> domains = [];
        do
        {
            domains.Add(new RcuDomain($"unused {domains.Count}"));
        }
        while (RcuRegistry.Threads.Any(thread => thread.IsAttached(domains[^1].Index)));

        return domains[^1];
    }

    private static void RunThread(Action body)
    {
        Exception? error = null;
        var thread = new Thread(() =>
        {
            try
            {
                body();
            }
            catch (Exception e)
            {
                error = e;
            }
        });
        thread.Start();
        thread.Join(RcuWorker.Patience).ShouldBeTrue();
        error.ShouldBeNull();
    }
}

using Hyperspan.Synchronization;

namespace Hyperspan.Tests.Synchronization;

[Collection(RcuTests.Name)]
public sealed class RcuSectionTests
{
    public static TheoryData<bool> Domains => [true, false];

    [Theory]
    [MemberData(nameof(Domains))]
    public void Sections_nest(bool guestMemory)
    {
        RcuDomain domain = Domain(guestMemory);
        domain.IsInSection.ShouldBeFalse();
        using (domain.Enter())
        {
            domain.IsInSection.ShouldBeTrue();
            for (int depth = 0; depth < 3; depth++)
            {
                using (domain.Enter())
                using (domain.Enter())
                {
                    domain.IsInSection.ShouldBeTrue();
                }

                domain.IsInSection.ShouldBeTrue();
            }
        }

        domain.IsInSection.ShouldBeFalse();
    }

    [Fact]
    public unsafe void The_cheap_form_is_the_same_section()
    {
        RcuSlot* slot = RcuReader.Enter();
        RcuDomain.GuestMemory.IsInSection.ShouldBeTrue();
        using (RcuDomain.GuestMemory.Enter())
        {
        }

        RcuDomain.GuestMemory.IsInSection.ShouldBeTrue();
        RcuReader.Exit(slot);
        RcuDomain.GuestMemory.IsInSection.ShouldBeFalse();
    }

    [Theory]
    [MemberData(nameof(Domains))]
    public void Synchronizing_or_quiescing_inside_is_an_error(bool guestMemory)
    {
        RcuDomain domain = Domain(guestMemory);
        using (domain.Enter())
        {
            using (domain.Enter())
            {
            }

            Should.Throw<InvalidOperationException>(() => domain.Synchronize()).Message.ShouldContain(domain.Name);
            Should.Throw<InvalidOperationException>(() => { _ = domain.SynchronizeAsync(); }).Message.ShouldContain(domain.Name);
            Should.Throw<InvalidOperationException>(domain.Quiesce).Message.ShouldContain(domain.Name);
            domain.IsInSection.ShouldBeTrue();
        }

        domain.Synchronize();
        domain.SynchronizeAsync().IsCompletedSuccessfully.ShouldBeTrue();
        domain.Quiesce();
    }

    [Fact]
    public void Domains_are_independent()
    {
        var one = new RcuDomain("one");
        var other = new RcuDomain("other");
        using var worker = new RcuWorker();
        worker.Do(() =>
        {
            using (other.Enter())
            using (RcuDomain.GuestMemory.Enter())
            {
            }
        });
        worker.Enter(one);

        using (one.Enter())
        {
            other.IsInSection.ShouldBeFalse();
            RcuDomain.GuestMemory.IsInSection.ShouldBeFalse();
            other.Synchronize();
            RcuDomain.GuestMemory.Synchronize();
        }

        one.SynchronizeAsync(new CancellationToken(canceled: true)).IsCanceled.ShouldBeTrue();
        Task waiting = one.SynchronizeAsync();
        waiting.IsCompleted.ShouldBeFalse();
        worker.Leave();
        waiting.ShouldFinish();
    }

    [Fact]
    public void Many_domains_on_one_thread()
    {
        RcuDomain[] domains = [.. Enumerable.Range(0, 40).Select(i => new RcuDomain($"domain {i}"))];
        foreach (RcuDomain domain in domains)
        {
            using (domain.Enter())
            {
                domains.Count(d => d.IsInSection).ShouldBe(1);
            }
        }

        domains.ShouldAllBe(d => !d.IsInSection);
        domains.Select(d => d.Index).Distinct().Count().ShouldBe(domains.Length);
    }

    [Fact]
    public void Disposing_twice_does_nothing_but_a_copy_is_caught()
    {
        var domain = new RcuDomain("balance");
        RcuSection section = domain.Enter();
        section.Dispose();
        section.Dispose();
        default(RcuSection).Dispose();
        domain.IsInSection.ShouldBeFalse();

        bool caught = false;
        section = domain.Enter();
        RcuSection copy = section;
        section.Dispose();
        try
        {
            copy.Dispose();
        }
        catch (InvalidOperationException)
        {
            caught = true;
        }

        caught.ShouldBeTrue();
        domain.IsInSection.ShouldBeFalse();
        using (domain.Enter())
        {
            domain.IsInSection.ShouldBeTrue();
        }
    }

    [Fact]
    public void An_exception_leaves_the_section()
    {
        var domain = new RcuDomain("exception");
        Should.Throw<TimeZoneNotFoundException>(() =>
        {
            using (domain.Enter())
            {
                throw new TimeZoneNotFoundException();
            }
        });
        domain.IsInSection.ShouldBeFalse();
    }

    [Fact]
    public void A_name_is_wanted()
    {
        Should.Throw<ArgumentException>(() => new RcuDomain(string.Empty));
        Should.Throw<ArgumentNullException>(() => new RcuDomain(null!));
        new RcuDomain("named").ToString().ShouldContain("named");
    }

    private static RcuDomain Domain(bool guestMemory) => guestMemory ? RcuDomain.GuestMemory : new RcuDomain("test");
}

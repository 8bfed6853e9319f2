using System.Runtime.InteropServices;
using Hyperspan.Synchronization;

namespace Hyperspan.Tests.Synchronization;

/// <summary>What becomes of the record of a thread that has ended.</summary>
[Collection(RcuTests.Name)]
public sealed unsafe class RcuRegistryTests
{
    [Fact]
    public void A_sweep_takes_the_record_of_a_thread_that_ended_in_a_section_from_it()
    {
        var domain = new RcuDomain("swept");
        RcuThread? record = null;
        bool inside = false;
        var thread = new Thread(() =>
        {
            domain.Enter();
            domain.Enter();
            record = RcuThread.Current;
            inside = record!.FindSlot(domain.Index)->IsInSection;
        });
        thread.Start();
        thread.Join(RcuWorker.Patience).ShouldBeTrue();
        inside.ShouldBeTrue();

        RcuRegistry.Sweep();
        RcuRegistry.Threads.ShouldNotContain(other => other.Owner == thread);
        RcuSlot* slot = record!.FindSlot(domain.Index);
        slot->IsInSection.ShouldBeFalse();
        slot->IsAttached.ShouldBeFalse();
    }

    [Fact]
    public void A_slot_that_is_reset_is_as_new()
    {
        var slot = (RcuSlot*)NativeMemory.AlignedAlloc(RcuSlot.Size, RcuSlot.Size);
        try
        {
            *slot = default;
            slot->Attach();
            slot->Enter();
            slot->Enter();
            slot->Reset();
            slot->IsInSection.ShouldBeFalse();
            slot->IsAttached.ShouldBeFalse();

            // Nothing of the nesting is left: one exit leaves what one entry entered.
            slot->Enter();
            slot->IsInSection.ShouldBeTrue();
            slot->Exit();
            slot->IsInSection.ShouldBeFalse();
        }
        finally
        {
            NativeMemory.AlignedFree(slot);
        }
    }
}

using Hyperspan.Translation;
using Hyperspan.Virtio;

namespace Hyperspan.VhostUser.Tests;

/// <summary>A <see cref="TestDriver"/> whose addresses are translated.</summary>
internal sealed class TranslatedDriver(TranslatedMemory memory)
{
    private readonly TestDriver _driver = new(memory.Memory, 0x7f_4000_0000);

    internal TranslatedMemory Memory => memory;

    internal VirtQueueLayout Layout => _driver.Layout;

    internal int Outstanding => _driver.Outstanding;

    internal void Submit(ulong number) => _driver.Submit(number);

    internal void Offer(ushort head) => _driver.Offer(head);

    /// <summary>Counts what was offered once more as submitted.</summary>
    internal void Take(ushort head = 0) => _driver.Take(head);

    internal void Reap() => _driver.Reap();
}

using Hyperspan.Tests.Tracking;
using Hyperspan.Translation;

namespace Hyperspan.Tests.Translation;

/// <summary>Random operations through I/O virtual addresses, over each kind of memory, against an array of bytes and a table of pages.</summary>
public sealed class TranslatedMemoryModelTests
{
    private const ulong Page = PageMap.Page;
    private const int Pages = 16;

    public static TheoryData<string> Kinds => [.. TrackedMemories.Kinds];

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void Every_operation_does_what_the_model_does(string kind)
    {
        (GuestMemory target, _, _) = TrackedMemories.Make(kind);
        using GuestMemory closing = target;
        int seed = kind.Length * 7919;
        new Run(target, seed).Go(3000);
    }

    private sealed class Run
    {
        // Around the middle of the addresses, where two halves meet, and away from it.
        private static readonly ulong[] Bases = [0, (1UL << 51) - 8, 0x1234, (1UL << 52) - 32];

        private readonly GuestMemory _target;
        private readonly Random _random;
        private readonly PageMap _map = new();
        private readonly TranslatedMemory _translated;
        private readonly byte[] _bytes = new byte[Pages * (int)Page];
        private readonly Dictionary<ulong, (int Page, Protection Protection)> _pages = [];

        internal Run(GuestMemory target, int seed)
        {
            _target = target;
            _random = new Random(seed);
            _translated = new TranslatedMemory(target, _map);
            _random.NextBytes(_bytes);
            target.Write(0, _bytes);
        }

        internal void Go(int operations)
        {
            for (int i = 0; i < operations; i++)
            {
                if (_random.Next(8) == 0)
                {
                    Remap();
                }
                else
                {
                    Operate();
                }
            }

            _target.Read(0, _bytes.Length).ShouldBe(_bytes);
        }

        private void Remap()
        {
            ulong page = Bases[_random.Next(Bases.Length)] + (ulong)_random.Next(16);
            if (_random.Next(4) == 0)
            {
                _pages.Remove(page);
                _map.Unmap(page);
            }
            else
            {
                Protection protection = _random.Next(6) switch { 0 => Protection.Read, 1 => new Protection(read: false, write: true, execute: false), _ => Protection.ReadWrite };
                int to = _random.Next(Pages);
                _pages[page] = (to, protection);
                _map.Map(page, (ulong)to, 1, protection);
            }

            if (_random.Next(2) == 0)
            {
                _translated.Invalidate(page * Page, Page);
            }
            else
            {
                _translated.Invalidate((page - (page % 16)) * Page, 32 * Page);
            }
        }

        private void Operate()
        {
            ulong at = ((Bases[_random.Next(Bases.Length)] + (ulong)_random.Next(16)) * Page) + (ulong)(_random.Next(3) == 0 ? 4096 - _random.Next(20) : _random.Next(4096));
            int length = _random.Next(4) switch { 0 => 1 << _random.Next(4), 1 => _random.Next(70), 2 => _random.Next(5000), _ => _random.Next(3 * (int)Page) };
            switch (_random.Next(7))
            {
                case 0:
                    byte[] read = new byte[length];
                    bool done = _translated.Memory.TryRead(at, read, out GuestMemoryFault fault);
                    Check(at, length, AccessType.Read, done, fault);
                    if (done)
                    {
                        read.ShouldBe(Model(at, length));
                    }

                    break;
                case 1:
                    byte[] written = new byte[length];
                    _random.NextBytes(written);
                    Written(at, written, _translated.Memory.TryWrite(at, written, out fault), fault);
                    break;
                case 2:
                    byte value = (byte)_random.Next();
                    byte[] filling = new byte[length];
                    Array.Fill(filling, value);
                    Written(at, filling, _translated.Memory.TryFill(at, value, (ulong)length, out fault), fault);
                    break;
                case 3:
                    done = _translated.Memory.TryRead(at, out ulong number, out fault);
                    Check(at, 8, AccessType.Read, done, fault);
                    if (done)
                    {
                        BitConverter.GetBytes(number).ShouldBe(Model(at, 8));
                    }

                    break;
                case 4:
                    ushort small = (ushort)_random.Next();
                    Written(at, BitConverter.GetBytes(small), _translated.Memory.TryWrite(at, small, out fault), fault);
                    break;
                case 5:
                    at &= ~7UL;
                    int first = Expected(at, 8, AccessType.Write);
                    ulong before = first < 0 ? BitConverter.ToUInt64(Model(at, 8)) : 0;
                    ulong comparand = _random.Next(2) == 0 ? before : before + 1;
                    ulong after = (ulong)_random.NextInt64();
                    bool accessed = _translated.Memory.TryCompareExchange(at, after, comparand, out bool exchanged, out ulong original, out fault);
                    accessed.ShouldBe(first < 0, fault.ToString());
                    if (accessed)
                    {
                        (exchanged, original).ShouldBe((comparand == before, before));
                        Store(at, BitConverter.GetBytes(exchanged ? after : before));
                    }

                    break;
                default:
                    length = Math.Max(length, 1);
                    AccessType access = _random.Next(2) == 0 ? AccessType.Read : AccessType.Write;
                    Pin(at, length, access);
                    break;
            }
        }

        private unsafe void Pin(ulong at, int length, AccessType access)
        {
            bool pinned = _translated.Memory.TryPin(at, (ulong)length, access, out PinnedMemory? pin, out GuestMemoryFault fault);
            if (fault.Kind == GuestMemoryFaultKind.NotPinnable)
            {
                _target.IsPinnable.ShouldBeFalse();
                return;
            }

            Check(at, length, access, pinned, fault);
            if (!pinned)
            {
                return;
            }

            using (pin)
            {
                var seen = new List<byte>();
                foreach (IoVector vector in pin!.Vectors)
                {
                    // SAFETY: pinned, and nobody changes it meanwhile.
                    seen.AddRange(new ReadOnlySpan<byte>((void*)vector.Address, (int)vector.Length));
                }

                seen.ToArray().ShouldBe(Model(at, length));
            }
        }

        /// <summary>Bytes below the fault may have been written, and none from there on.</summary>
        private void Written(ulong at, byte[] bytes, bool done, in GuestMemoryFault fault)
        {
            Check(at, bytes.Length, AccessType.Write, done, fault);
            int first = Expected(at, bytes.Length, AccessType.Write);
            if (first < 0)
            {
                Store(at, bytes);
                return;
            }

            // What is below the fault is written, page by page, or left as it was.
            for (int i = 0; i < first; i++)
            {
                int place = PlaceOf(at + (ulong)i)!.Value;
                byte now = _target.Read<byte>((ulong)place);
                bool known = now == _bytes[place] || Array.IndexOf(bytes, now) >= 0;
                known.ShouldBeTrue();
                _bytes[place] = now;
            }
        }

        private void Store(ulong at, byte[] bytes)
        {
            for (int i = 0; i < bytes.Length; i++)
            {
                _bytes[PlaceOf(at + (ulong)i)!.Value] = bytes[i];
            }
        }

        private byte[] Model(ulong at, int length) => [.. Enumerable.Range(0, length).Select(i => _bytes[PlaceOf(at + (ulong)i)!.Value])];

        private int? PlaceOf(ulong at) => _pages.TryGetValue(at / Page, out (int Page, Protection Protection) place) ? (place.Page * (int)Page) + (int)(at % Page) : null;

        /// <summary>The first byte that cannot be accessed, or -1.</summary>
        private int Expected(ulong at, int length, AccessType access)
        {
            for (int i = 0; i < length; i += (int)(Page - ((at + (ulong)i) % Page)))
            {
                if (!_pages.TryGetValue((at + (ulong)i) / Page, out (int Page, Protection Protection) place)
                    || !(access == AccessType.Read ? place.Protection.CanRead : place.Protection.CanWrite))
                {
                    return i;
                }
            }

            return -1;
        }

        private void Check(ulong at, int length, AccessType access, bool done, in GuestMemoryFault fault)
        {
            int first = Expected(at, length, access);
            done.ShouldBe(first < 0, fault.ToString());
            if (done)
            {
                fault.IsFault.ShouldBeFalse();
                return;
            }

            GuestMemoryFaultKind kind = PlaceOf(at + (ulong)first) is null ? GuestMemoryFaultKind.NotTranslated
                : access == AccessType.Write ? GuestMemoryFaultKind.ReadOnly
                : GuestMemoryFaultKind.Restricted;
            fault.ShouldBeFault(kind, at + (ulong)first);
            fault.Cause.ShouldBe(FaultCause.Translation);
        }
    }
}

using FsCheck;
using FsCheck.Fluent;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Tests.Backing;

/// <summary>Random operations against a model of a few lines: one entry a page.</summary>
[Collection(nameof(LifetimeTests))]
public sealed unsafe class SparseBackingModelTests
{
    private const int Pages = 12;
    private static readonly ulong Page = SelfProbe.Page;

    private enum Operation
    {
        Commit,
        CommitReadOnly,
        Decommit,
        Unmap,
        MapZero,
        MapFile,
        MapFileReadOnly,
        Protect,
        ProtectNone,
        Write,
        Lock,
        Unlock,
    }

    [Fact]
    public void Behaves_as_the_model_does()
    {
        Gen<(Operation, int, int)> step =
            from operation in Gen.Elements(Enum.GetValues<Operation>())
            from first in Gen.Choose(0, Pages - 1)
            from count in Gen.Choose(1, 5)
            select (operation, first, Math.Min(count, Pages - first));
        Prop.ForAll(step.ListOf(40).ToArbitrary(), Run).QuickCheckThrowOnFailure();
    }

    private static void Run(IList<(Operation Operation, int First, int Count)> steps)
    {
        using SafeFileHandle file = SelfProbe.MemoryFile(Pages * Page);
        using SparseBacking mapping = new(Pages * Page);
        Model[] model = [.. Enumerable.Range(0, Pages).Select(_ => new Model())];
        byte[] fileBytes = new byte[Pages];
        byte next = 1;
        foreach ((Operation operation, int first, int count) in steps)
        {
            ulong offset = (ulong)first * Page;
            ulong length = (ulong)count * Page;
            Model[] range = model[first..(first + count)];
            switch (operation)
            {
                case Operation.Commit or Operation.CommitReadOnly:
                    bool write = operation == Operation.Commit;
                    Expect(
                        range.Any(page => page.Locked > 0 && (page.FilePage >= 0 || (page.Write && !write))),
                        () => mapping.Commit(offset, length, write ? Protection.ReadWrite : Protection.Read),
                        page => page.Become(read: true, write, page.Mapped && page.FilePage < 0 ? page.Value : (byte)0));
                    break;
                case Operation.Decommit:
                    Expect(
                        range.Any(page => page.FilePage >= 0 || (page.Mapped && page.Locked > 0)),
                        () => mapping.Decommit(offset, length),
                        page => page.Vanish());
                    break;
                case Operation.Unmap:
                    Expect(range.Any(page => page.Mapped && page.Locked > 0), () => mapping.Unmap(offset, length), page => page.Vanish());
                    break;
                case Operation.MapZero:
                    Expect(
                        range.Any(page => page.Mapped && page.Locked > 0),
                        () => mapping.MapZero(offset, length),
                        page => page.Become(read: true, write: false, 0));
                    break;
                case Operation.MapFile or Operation.MapFileReadOnly:
                    bool writable = operation == Operation.MapFile;
                    int filePage = Pages - first - count;
                    Expect(
                        range.Any(page => page.Mapped && page.Locked > 0),
                        () => mapping.MapFile(offset, file, (ulong)filePage * Page, length, writable),
                        page => page.Become(read: true, writable, 0, filePage++, writable));
                    break;
                case Operation.Protect or Operation.ProtectNone:
                    bool any = operation == Operation.Protect;
                    Expect(
                        range.Any(page => !page.Mapped || (page.Locked > 0 && ((page.Write && !any) || (page.Read && !any)))),
                        () => mapping.Protect(offset, length, any ? Protection.ReadWrite : Protection.None),
                        page => (page.Read, page.Write) = (any, any));
                    break;
                case Operation.Write when model[first].Write:
                    mapping.Mapping[offset] = next;
                    if (model[first].FilePage >= 0)
                    {
                        fileBytes[model[first].FilePage] = next;
                    }

                    model[first].Value = next++;
                    break;
                case Operation.Lock:
                    mapping.PinPages(SelfProbe.FirstIn((ulong)first), AccessType.Read, out _).IsFailure.ShouldBeFalse();
                    model[first].Locked++;
                    break;
                case Operation.Unlock when model[first].Locked > 0:
                    mapping.UnpinPages(SelfProbe.FirstIn((ulong)first));
                    model[first].Locked--;
                    break;
            }

            for (int i = 0; i < Pages; i++)
            {
                byte* at = mapping.Mapping + ((ulong)i * Page);
                string access = model[i].Write ? "rw" : model[i].Read ? "r-" : "--";
                SelfProbe.Access(at).ShouldBe(access, $"page {i} after {operation} {first}+{count}");
                if (model[i].Read)
                {
                    at[0].ShouldBe(model[i].FilePage >= 0 ? fileBytes[model[i].FilePage] : model[i].Value, $"page {i} after {operation} {first}+{count}");
                }

                mapping.IsPinned((ulong)i * SelfProbe.GuestPages).ShouldBe(model[i].Locked > 0);
            }

            int shareable = mapping.GetShareableRegions().Sum(region => (int)(region.Length / Page));
            shareable.ShouldBe(model.Count(page => page.FilePage >= 0));
            foreach (ShareableRegion region in mapping.GetShareableRegions())
            {
                for (ulong i = 0; i < region.Length / Page; i++)
                {
                    Model page = model[(region.Start / Page) + i];
                    ((ulong)page.FilePage).ShouldBe((region.FileOffset / Page) + i);
                    page.FileWritable.ShouldBe(region.Writable);
                }
            }

            void Expect(bool refused, Action act, Action<Model> change)
            {
                if (refused)
                {
                    Should.Throw<InvalidOperationException>(act);
                    return;
                }

                act();
                foreach (Model page in range)
                {
                    change(page);
                }
            }
        }
    }

    private sealed class Model
    {
        public bool Mapped { get; private set; }

        public bool Read { get; set; }

        public bool Write { get; set; }

        public byte Value { get; set; }

        public int FilePage { get; private set; } = -1;

        public bool FileWritable { get; private set; }

        public int Locked { get; set; }

        public void Vanish() => (Mapped, Read, Write, Value, FilePage) = (false, false, false, 0, -1);

        public void Become(bool read, bool write, byte value, int filePage = -1, bool fileWritable = false) =>
            (Mapped, Read, Write, Value, FilePage, FileWritable) = (true, read, write, value, filePage, fileWritable);
    }
}

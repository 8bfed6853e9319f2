using Hyperspan.Snapshots;

namespace Hyperspan.Tests.Snapshots;

/// <summary>How a difference is found again with those that it is a difference to.</summary>
[Trait("Category", "slow")]
public sealed class SnapshotChainTests : IDisposable
{
    private const int DeepestChain = 256;

    private readonly SnapshotBed _bed = new();
    private readonly GuestMemory _memory = new(new HeapBacking(16 * SnapshotBed.Page), "ram");

    public void Dispose()
    {
        _memory.Dispose();
        _bed.Dispose();
    }

    /// <summary>The snapshots in one folder, a link to the newest of them in another.</summary>
    [LinuxFact]
    public void A_difference_is_opened_by_a_link_from_anywhere()
    {
        Directory.CreateDirectory(_bed.PathOf("all"));
        Directory.CreateDirectory(_bed.PathOf("elsewhere"));
        Save("all/1");
        Save("all/2", since: "all/1");
        Link("elsewhere/newest", "../all/2");
        Link("elsewhere/folder", "../all");
        Link("newest", "elsewhere/newest");
        foreach (string name in (string[])["all/2", "elsewhere/newest", "newest", "elsewhere/folder/2"])
        {
            ShouldHold(name, 2, files: 2);
        }
    }

    [LinuxFact]
    public void What_is_saved_since_a_link_does_not_depend_on_where_that_leads_later()
    {
        Save("1");
        Link("newest", "1");
        for (byte i = 2; i < 6; i++)
        {
            Save($"{i}", since: "newest", value: i);
            File.Delete(_bed.PathOf("newest"));
            Link("newest", $"{i}");
            ShouldHold("newest", i, files: i);
            ShouldHold($"{i}", i, files: i);
        }

        File.Delete(_bed.PathOf("newest"));
        ShouldHold("5", 5, files: 5);
    }

    /// <summary>The way from a folder that a link leads to is another one than the way from the link.</summary>
    [LinuxFact]
    public void What_is_saved_in_a_folder_behind_a_link_is_found_on_each_way_to_it()
    {
        Directory.CreateDirectory(_bed.PathOf("deep/down/below"));
        Link("near", "deep/down/below");
        Save("1");
        Save("near/2", since: "1");
        Save("near/3", since: "near/2", value: 3);
        foreach (string folder in (string[])["near", "deep/down/below"])
        {
            ShouldHold(folder + "/2", 2, files: 2);
            ShouldHold(folder + "/3", 3, files: 3);
        }
    }

    /// <summary>Files whose names say nothing, and links that name them as the chain does.</summary>
    [LinuxFact]
    public void A_folder_of_links_is_a_chain_as_well()
    {
        Directory.CreateDirectory(_bed.PathOf("a"));
        Directory.CreateDirectory(_bed.PathOf("b"));
        Directory.CreateDirectory(_bed.PathOf("chain"));
        Save("1");
        Save("2", since: "1");
        Save("3", since: "2", value: 3);
        foreach (string name in (string[])["1", "2", "3"])
        {
            string folder = name == "2" ? "a" : "b";
            File.Move(_bed.PathOf(name), _bed.PathOf($"{folder}/x{name}"));
            Link($"chain/{name}", $"../{folder}/x{name}");
        }

        ShouldHold("chain/3", 3, files: 3);

        // Something else where the file lies keeps nobody from what the link has beside it.
        File.Copy(_bed.PathOf("b/x1"), _bed.PathOf("b/2"));
        ShouldHold("chain/3", 3, files: 3);
        Should.Throw<InvalidSnapshotException>(() => GuestMemorySnapshot.Open(_bed.PathOf("b/x3"))).Message.ShouldContain("where another one is now");
        Should.Throw<FileNotFoundException>(() => GuestMemorySnapshot.Open(_bed.PathOf("a/x2"))).Message.ShouldContain("a/1, which is not there");
        using GuestMemorySnapshot named = GuestMemorySnapshot.Open(_bed.PathOf("b/x3"), [_bed.PathOf("b/x1"), _bed.PathOf("a/x2")]);
        named.Chain.Count.ShouldBe(3);
    }

    [LinuxFact]
    public void A_difference_to_as_many_as_there_may_be_is_the_last()
    {
        Save("0");
        for (int i = 1; i < DeepestChain; i++)
        {
            Save($"{i}", since: $"{i - 1}", value: (byte)i);
        }

        string last = $"{DeepestChain - 1}";
        using GuestMemorySnapshot deep = GuestMemorySnapshot.Open(_bed.PathOf(last));
        deep.Chain.Count.ShouldBe(DeepestChain);
        var options = new SnapshotSaveOptions { Since = deep };
        foreach (Action save in (Action[])
            [
                () => GuestMemorySnapshot.Save(_memory, _bed.PathOf("more"), options),
                () => GuestMemorySnapshot.SaveAsync(_memory, new MemoryStream(), options).GetAwaiter().GetResult(),
                () => deep.SaveAsync(_bed.PathOf("more"), options).GetAwaiter().GetResult(),
            ])
        {
            ArgumentException refused = Should.Throw<ArgumentException>(save);
            refused.ParamName.ShouldBe("options");
            refused.Message.ShouldStartWith($"{deep.Path}: is a difference to 255 others, and one to it could not be read: merge some");
        }

        _bed.Names().Count().ShouldBe(DeepestChain);

        // Given in the least convenient order, each is looked into once.
        string[] all = [.. Enumerable.Range(0, DeepestChain - 1).Select(i => _bed.PathOf($"{i}"))];
        using GuestMemorySnapshot named = GuestMemorySnapshot.Open(_bed.PathOf(last), all);
        named.Chain.Count.ShouldBe(DeepestChain);
    }

    private void Save(string name, string? since = null, byte value = 2)
    {
        _memory.Fill(0, since is null ? (byte)1 : value, SnapshotBed.Page);
        using GuestMemorySnapshot? earlier = since is null ? null : GuestMemorySnapshot.Open(_bed.PathOf(since));
        GuestMemorySnapshot.Save(_memory, _bed.PathOf(name), new SnapshotSaveOptions { Since = earlier });
    }

    private void Link(string name, string target) => File.CreateSymbolicLink(_bed.PathOf(name), target);

    private void ShouldHold(string name, byte value, int files)
    {
        using GuestMemorySnapshot snapshot = GuestMemorySnapshot.Open(_bed.PathOf(name));
        snapshot.Chain.Count.ShouldBe(files);
        using GuestMemory memory = snapshot.Copy();
        memory.Read<byte>(0).ShouldBe(value, name);
    }
}

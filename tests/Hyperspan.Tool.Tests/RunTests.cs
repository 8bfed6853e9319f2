using Hyperspan.Snapshots;
using Hyperspan.Tool.Tests.Infrastructure;

namespace Hyperspan.Tool.Tests;

/// <summary>What <c>hyperspan run</c> refuses before it needs KVM: one line says why, and nothing is left behind.</summary>
public sealed class RunTests : IDisposable
{
    private const int BadInput = 2;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [LinuxFact]
    public void What_is_run_must_be_said()
    {
        Refused("run").ShouldContain("--kernel or --restore says what is run");
    }

    [LinuxTheory]
    [InlineData("--kernel", "k")]
    [InlineData("--memory", "64M")]
    [InlineData("--processors", "2")]
    [InlineData("--initrd", "i")]
    [InlineData("--append", "quiet")]
    public void A_restored_machine_says_itself_what_it_is(string option, string value)
    {
        Refused("run", "--restore", _folder.PathOf("s"), option, value).ShouldContain($"{option} is what the saved machine says");
    }

    [LinuxFact]
    public async Task What_is_no_saved_machine_is_refused()
    {
        string path = _folder.PathOf("snapshot");
        Refused("run", "--restore", path).ShouldContain(path);
        await File.WriteAllTextAsync(path, "no snapshot");
        Refused("run", "--restore", path).ShouldContain(path);
        using (var memory = new GuestMemory(new HeapBacking(4 << 20), "plain"))
        {
            await GuestMemorySnapshot.SaveAsync(memory, path);
        }

        Refused("run", "--restore", path).ShouldContain("there is no machine in the snapshot");
        Refused("run", "--restore", "").ShouldContain("--restore");
    }

    [LinuxFact]
    public void Where_it_is_to_be_saved_has_to_be_a_place_for_a_file()
    {
        foreach (string path in (string[])["", _folder.PathOf("."), _folder.PathOf("no/snapshot")])
        {
            Refused("run", "--kernel", _folder.PathOf("k"), "--save", path).ShouldContain($"--save: '{path}' is no file in a folder that exists");
        }
    }

    [LinuxFact]
    public void What_it_is_made_of_has_to_be_files()
    {
        NamedPipe.Create(_folder.PathOf("pipe"));
        File.WriteAllBytes(_folder.PathOf("k"), [0xf4]);
        using (FileStream sparse = File.Create(_folder.PathOf("large")))
        {
            sparse.SetLength(1L << 40);
        }

        foreach ((string name, string what) in ((string, string)[])
            [("none", "there is no such file"), ("no/none", "there is no such file"), ("pipe", "is no regular file"), (".", "is a directory")])
        {
            string path = _folder.PathOf(name);
            Refused("run", "--kernel", path).ShouldContain($"{path}: {what}");
            Refused("run", "--kernel", _folder.PathOf("k"), "--initrd", path).ShouldContain($"{path}: {what}");
        }

        Refused("run", "--kernel", _folder.PathOf("large")).ShouldContain("is larger than 1 GiB");
        Refused("run", "--kernel", _folder.PathOf("k"), "--initrd", _folder.PathOf("large")).ShouldContain("does not fit beside the kernel");
    }

    [LinuxFact]
    public void A_saved_machine_does_not_take_the_place_of_what_it_is_made_of()
    {
        string[] files = [_folder.PathOf("kernel"), _folder.PathOf("initrd"), _folder.PathOf("disk")];
        foreach (string file in files)
        {
            File.WriteAllBytes(file, new byte[4096]);
        }

        string link = _folder.PathOf("link");
        File.CreateSymbolicLink(link, "disk");
        foreach (string path in (string[])[.. files, link])
        {
            Refused("run", "--kernel", files[0], "--initrd", files[1], "--disk", files[2] + ",readonly", "--save", path)
                .ShouldContain($"--save {path}: is what the machine is made of");
        }
    }

    private static string Refused(params string[] arguments)
    {
        ToolResult result = ToolProcess.Run(arguments);
        result.ShouldEndWith(BadInput);
        string line = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)[0];
        line.ShouldStartWith("hyperspan: ");
        return line;
    }
}

using Hyperspan.Dumps;

namespace Hyperspan.Tests.Backing;

/// <summary>What a path leads to may be something else than a file, and another process's doing: below /proc/pid/fd, for instance.</summary>
public sealed class OpenedPathTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hs-");

    public static TheoryData<string> Ways => ["file", "file to write", "foreign", "foreign to read", "dump"];

    public void Dispose() => _folder.Delete(recursive: true);

    [LinuxTheory]
    [MemberData(nameof(Ways))]
    public async Task A_pipe_is_refused_and_not_waited_for(string way)
    {
        string path = PathOf("pipe");
        NamedPipe.Create(path);
        await ShouldThrowAsync<Exception>(way, path);
    }

    [LinuxTheory]
    [InlineData("file")]
    [InlineData("foreign")]
    [InlineData("foreign to read")]
    public async Task What_has_no_length_is_an_argument_that_cannot_be(string way)
    {
        string path = PathOf("pipe");
        NamedPipe.Create(path);
        (await ShouldThrowAsync<ArgumentException>(way, path)).ParamName.ShouldBe("path");
        (await ShouldThrowAsync<ArgumentException>(way, "/dev/null")).ParamName.ShouldBe("path");
    }

    [LinuxTheory]
    [MemberData(nameof(Ways))]
    public async Task A_directory_is_refused_by_its_name(string way) =>
        (await ShouldThrowAsync<UnauthorizedAccessException>(way, _folder.FullName)).Message.ShouldContain("is a directory");

    [LinuxTheory]
    [MemberData(nameof(Ways))]
    public async Task What_is_not_there_is_said_to_be_missing_whatever_is_missing(string way)
    {
        (await ShouldThrowAsync<FileNotFoundException>(way, PathOf("none"))).FileName.ShouldBe(PathOf("none"));
        await ShouldThrowAsync<FileNotFoundException>(way, PathOf("no/folder"));
    }

    [LinuxTheory]
    [MemberData(nameof(Ways))]
    public async Task A_name_is_not_taken_for_the_part_of_it_before_a_null_character(string way)
    {
        File.WriteAllBytes(PathOf("file"), new byte[8192]);
        await ShouldThrowAsync<ArgumentException>(way, PathOf("file\0.other"));
        await ShouldThrowAsync<ArgumentException>(way, "");
    }

    private static async Task<T> ShouldThrowAsync<T>(string way, string path)
        where T : Exception =>
        await Should.ThrowAsync<T>(() => Task.Run(() => Open(way, path).Dispose()).WaitAsync(Patience));

    private static IDisposable Open(string way, string path) => way switch
    {
        "file" => new FileBacking(path),
        "file to write" => new FileBacking(path, FileAccess.ReadWrite),
        "foreign" => ForeignBacking.Open(path),
        "foreign to read" => ForeignBacking.Open(path, new ForeignBackingOptions { Writable = false }),
        _ => GuestMemoryDump.Open(path),
    };

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);
}

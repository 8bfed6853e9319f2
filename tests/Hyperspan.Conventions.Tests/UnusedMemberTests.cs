using System.Text.RegularExpressions;

namespace Hyperspan.Conventions.Tests;

/// <summary>What ships contains nothing that only tests call.</summary>
public partial class UnusedMemberTests
{
    private const int Permitted = 5;

    private static readonly string[] Shipped = ["Hyperspan", "Hyperspan.Virtio", "Hyperspan.VhostUser", "Hyperspan.Kvm", "Hyperspan.Testing", "Hyperspan.Tool"];

    [Fact]
    public void What_is_not_public_is_used_by_what_ships()
    {
        string[] unused = UnusedMembers.Find(Shipped.Select(name => Path.Combine(AppContext.BaseDirectory, name + ".dll")));
        unused.Length.ShouldBeLessThanOrEqualTo(Permitted, string.Join('\n', unused));
    }

    [Fact]
    public void The_search_finds_what_nothing_uses()
    {
        string[] unused = UnusedMembers.Find([typeof(UnusedMemberTests).Assembly.Location]);
        unused.Where(name => name.Contains(nameof(Samples), StringComparison.Ordinal)).ShouldBe(
        [
            $"{typeof(Samples).FullName}::CalledByItself/1",
            $"{typeof(Samples).FullName}::NeverCalled/0",
            $"{typeof(Samples).FullName}::NeverCalled/1",
            $"{typeof(Samples).FullName}::NeverTouched",
            $"{typeof(Samples).FullName}::Unread/0",
        ]);
        Samples.Use();
    }

    // The compiler writes a constant's value where it is used, so that no trace is left in the assemblies: the text is looked at instead.
    [SkippableFact]
    public void Constants_are_named_where_they_are_not_declared()
    {
        Skip.If(Sources.Root is null, "needs the sources beside the tests");
        string[] files = [.. Sources.Under("src").Where(file => !file.Contains("/Interop/", StringComparison.Ordinal))];
        string all = string.Concat(files.Select(File.ReadAllText));
        string[] unused =
        [
            .. from file in files
               from Match declared in Constant().Matches(File.ReadAllText(file))
               let name = declared.Groups["name"].Value
               where Regex.Count(all, $@"\b{name}\b", RegexOptions.None, TimeSpan.FromSeconds(10)) < 2
               select $"{Path.GetFileName(file)}: {name}",
        ];
        unused.ShouldBe([]);
    }

    [GeneratedRegex(@"\b(?:internal|private) const [\w?]+ (?<name>\w+) =", RegexOptions.NonBacktracking)]
    private static partial Regex Constant();

    /// <summary>What the search is tried with: some of it is used by <see cref="Use"/>, some by nothing.</summary>
    private sealed class Samples : IDisposable
    {
        internal int Touched;
#pragma warning disable CS0649 // Nothing gives it a value: that is what it is for.
        internal int NeverTouched;
#pragma warning restore CS0649

        internal static int Read => 1;

        internal static int Unread => 2;

        internal static void Use()
        {
            using var samples = new Samples();
            samples.Touched = Read + Called<int>();
        }

        internal static int Called<T>() => 3;

        internal static void NeverCalled() => Use();

        internal static void NeverCalled(int times) => throw new NotSupportedException(times.ToString(System.Globalization.CultureInfo.InvariantCulture));

        internal static int CalledByItself(int left) => left == 0 ? 0 : CalledByItself(left - 1);

        public void Dispose()
        {
        }
    }
}

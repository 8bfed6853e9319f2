namespace Hyperspan.Tool.CommandLine;

/// <summary>
/// The command line that management software uses for any vhost-user back end: options without the words <c>serve block</c> before them, and a question for
/// what there is (the vhost-user specification, "Backend program conventions").
/// </summary>
internal static class BackEndConvention
{
    internal const string Capabilities = """{"type": "block", "features": ["read-only", "blk-file"]}""";

    private const string Question = "--print-capabilities";
    private static readonly string[] Command = ["serve", "block"];
    private static readonly string[] Options = [Question, "--socket-path", "--fd", "--blk-file", "--read-only"];

    /// <summary>Whether capabilities are asked for: then nothing else that is said counts.</summary>
    internal static bool IsQuestion(string[] arguments) => Complete(arguments) is ["serve", "block", .. string[] options] && options.Contains(Question, StringComparer.Ordinal);

    /// <summary>Puts the words before options that are given alone.</summary>
    internal static string[] Complete(string[] arguments) =>
        arguments.Length > 0 && Options.Contains(arguments[0].Split('=')[0], StringComparer.Ordinal) ? [.. Command, .. arguments] : arguments;
}

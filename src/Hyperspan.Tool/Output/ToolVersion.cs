using System.Reflection;

namespace Hyperspan.Tool.Output;

/// <summary>The version of the command.</summary>
internal static class ToolVersion
{
    /// <summary>Gets the version as <c>--version</c> prints it.</summary>
    internal static string Text { get; } =
        typeof(ToolVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}

using Hyperspan.Tool.Output;

namespace Hyperspan.Tool.Doctor;

/// <summary>What a machine offers.</summary>
/// <param name="Version">The version of the command.</param>
/// <param name="Ready">Whether everything essential is there.</param>
/// <param name="Checks">Each thing that was looked for.</param>
internal sealed record DoctorReport(string Version, bool Ready, IReadOnlyList<Check> Checks)
{
    /// <summary>Looks for everything. Nothing is changed on the machine; what is made to try it out is gone afterwards.</summary>
    internal static DoctorReport Examine()
    {
        IReadOnlyList<Check> checks = DoctorChecks.Run();
        return new DoctorReport(ToolVersion.Text, checks.All(check => !check.Essential || check.Status != CheckStatus.Missing), checks);
    }
}

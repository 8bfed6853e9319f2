using Hyperspan.Dumps;

namespace Hyperspan.Tool.Dumps;

/// <summary>What is told of a dump.</summary>
/// <param name="Path">The path of the file.</param>
/// <param name="Format">Its format.</param>
/// <param name="FileBytes">Its length in bytes.</param>
/// <param name="MemoryBytes">The bytes of memory in it.</param>
/// <param name="StoredBytes">Those of them that are not in holes of the file.</param>
/// <param name="Segments">What is where, made as it is asked for.</param>
/// <param name="Processors">The registers that it has.</param>
/// <param name="VmCoreInfo">What the kernel said about itself.</param>
internal sealed record DumpReport(
    string Path,
    string Format,
    ulong FileBytes,
    ulong MemoryBytes,
    ulong StoredBytes,
    IEnumerable<DumpSegmentReport> Segments,
    IReadOnlyList<X64Registers> Processors,
    string? VmCoreInfo);

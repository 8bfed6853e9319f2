using Hyperspan.Stubs.Arm64;

namespace Hyperspan.Stubs;

/// <summary>Writes the guard's machine code, assembled and listed, to the files that <c>Hyperspan</c> compiles.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments is not [var folder])
        {
            Console.Error.WriteLine("usage: Hyperspan.Stubs FOLDER   (src/Hyperspan/Guarding)");
            return 2;
        }

        File.WriteAllText(Path.Combine(folder, "X64", "X64StubCode.g.cs"), Listing(X64Platform.Linux));
        File.WriteAllText(Path.Combine(folder, "X64", "WindowsX64StubCode.g.cs"), Listing(X64Platform.Windows));
        if (Arm64Assembler.TryAssemble(Arm64StubProgram.Instance) is not { } bytes)
        {
            Console.Error.WriteLine("arm64: needs llvm-mc (Debian: llvm) or aarch64-linux-gnu-as (binutils-aarch64-linux-gnu)");
            return 1;
        }

        File.WriteAllText(Path.Combine(folder, "Arm64", "Arm64StubCode.g.cs"), new Arm64Listing(Arm64StubProgram.Instance, bytes).Render());
        return 0;
    }

    private static string Listing(X64Platform platform) => new StubListing(platform, StubProgram.Assemble(platform)).Render();
}

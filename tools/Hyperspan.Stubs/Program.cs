namespace Hyperspan.Stubs;

/// <summary>Writes the guard's machine code, assembled and listed, to the file that <c>Hyperspan</c> compiles.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments is not [var file])
        {
            Console.Error.WriteLine("usage: Hyperspan.Stubs FILE   (src/Hyperspan/Guarding/X64/StubCode.g.cs)");
            return 2;
        }

        File.WriteAllText(file, new StubListing(StubProgram.Assemble()).Render());
        return 0;
    }
}

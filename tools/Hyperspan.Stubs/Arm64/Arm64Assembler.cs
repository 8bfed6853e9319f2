using System.Buffers.Binary;
using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Hyperspan.Stubs.Arm64;

/// <summary>
/// Has a program assembled by LLVM's or binutils' assembler, whichever is there: no library of .NET assembles for arm64. Needed only by who changes the stubs, and by
/// the test that compares: the bytes are part of the repository.
/// </summary>
internal static class Arm64Assembler
{
    // Program and arguments before the names of output and input.
    private static readonly string[][] Commands =
    [
        ["llvm-mc", "-triple=aarch64-linux-gnu", "-mattr=+lse,+rcpc", "-filetype=obj"], ["aarch64-linux-gnu-as", "-march=armv8.4-a"],
    ];

    /// <summary>Assembles.</summary>
    /// <returns>The bytes of the image, then those of the alternatives, in the order of their statements; null where there is no assembler.</returns>
    /// <exception cref="InvalidOperationException">The assembler refuses the program.</exception>
    public static byte[]? TryAssemble(Arm64StubProgram program)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("hyperspan-stubs");
        try
        {
            string source = Path.Combine(folder.FullName, "stubs.s");
            string target = Path.Combine(folder.FullName, "stubs.o");
            File.WriteAllText(source, program.ToSource());
            return Commands.Any(command => TryRun(command, target, source)) ? TextOf(File.ReadAllBytes(target)) : null;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static bool TryRun(string[] command, string target, string source)
    {
        try
        {
            var start = new ProcessStartInfo(command[0], [.. command[1..], "-o", target, source]) { RedirectStandardError = true, UseShellExecute = false };
            using Process process = Process.Start(start)!;
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? true : throw new InvalidOperationException($"{command[0]}: {errors}");
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    /// <summary>The section .text of an ELF file of 64 bits: section headers at the offset in its header, of 64 bytes each, names in one of the sections.</summary>
    private static byte[] TextOf(ReadOnlySpan<byte> file)
    {
        int headers = (int)BinaryPrimitives.ReadUInt64LittleEndian(file[40..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(file[60..]);
        int names = OffsetOf(file, headers, BinaryPrimitives.ReadUInt16LittleEndian(file[62..]));
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = file[(headers + (i * 64))..];
            ReadOnlySpan<byte> name = file[(names + BinaryPrimitives.ReadInt32LittleEndian(header))..];
            if (Encoding.ASCII.GetString(name[..name.IndexOf((byte)0)]) == ".text")
            {
                return file.Slice(OffsetOf(file, headers, i), (int)BinaryPrimitives.ReadUInt64LittleEndian(header[32..])).ToArray();
            }
        }

        throw new InvalidOperationException("The assembler's output has no section .text.");
    }

    private static int OffsetOf(ReadOnlySpan<byte> file, int headers, int section) =>
        (int)BinaryPrimitives.ReadUInt64LittleEndian(file[(headers + (section * 64) + 24)..]);
}

using System.Diagnostics;
using System.Globalization;
using Hyperspan.Interop.Windows;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Two processes of Windows that share a section by a handle, and count in it by compare-exchange. With an argument it is the peer, which reads the number of its handle.
/// </summary>
public sealed class SectionPeerScenario : IScenario
{
    private const ulong Length = 1 << 20;
    private const uint Greeting = 0x600d_f00d;
    private const int Counts = 20_000;

    public string Name => "section-peer";

    public int Run(string[] arguments) => arguments.Length != 0 ? Peer() : Owner();

    private int Owner()
    {
        using var shared = new SharedBacking(Length);
        using var memory = new GuestMemory(shared, "shared");
        memory.Write(Length - 8, Greeting);
        var start = new ProcessStartInfo(Environment.ProcessPath!, [Name, "peer"]) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        using Process peer = Process.Start(start)!;
        if (!Kernel32.DuplicateHandle(Kernel32.CurrentProcess, shared.Handle, peer.SafeHandle.DangerousGetHandle(), out nint handle, 0, false, DuplicateOptions.SameAccess))
        {
            Console.WriteLine("the handle cannot be duplicated");
            return ScenarioExit.Failure;
        }

        peer.StandardInput.WriteLine(handle.ToString(CultureInfo.InvariantCulture));
        Count(memory);
        Console.Write(peer.StandardOutput.ReadToEnd());
        peer.WaitForExit();
        uint counted = memory.Read<uint>(0);
        Console.WriteLine($"peer={peer.ExitCode} counted={counted}");
        return peer.ExitCode == 0 && counted == 2 * Counts ? ScenarioExit.Success : ScenarioExit.Failure;
    }

    private static int Peer()
    {
        using var handle = new SafeFileHandle(nint.Parse(Console.ReadLine()!, CultureInfo.InvariantCulture), ownsHandle: true);
        using var memory = new GuestMemory(new ForeignBacking(handle, 0, Length), "peer");
        if (memory.Read<uint>(Length - 8) != Greeting)
        {
            Console.WriteLine("the peer sees other memory");
            return ScenarioExit.Failure;
        }

        Count(memory);
        return ScenarioExit.Success;
    }

    private static void Count(GuestMemory memory)
    {
        for (int i = 0; i < Counts; i++)
        {
            uint seen;
            do
            {
                seen = memory.Read<uint>(0);
            }
            while (memory.CompareExchange(0, seen + 1, seen) != seen);
        }
    }
}

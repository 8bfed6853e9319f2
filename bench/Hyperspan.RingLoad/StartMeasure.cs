using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace Hyperspan.RingLoad;

/// <summary>How long back ends take until somebody can connect to their sockets, and how much memory they then hold.</summary>
internal static class StartMeasure
{
    private const int Rounds = 25;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Measures commands in turns, so that what else the machine does concerns all of them.</summary>
    /// <param name="commands">The commands, separated by spaces; SOCKET in one is a path that is free.</param>
    internal static int Run(string[] commands)
    {
        string folder = Directory.CreateTempSubdirectory("hs-").FullName;
        try
        {
            string path = Path.Combine(folder, "s");
            var times = Array.ConvertAll(commands, _ => new List<(double Milliseconds, long Bytes)>());
            for (int round = 0; round < Rounds; round++)
            {
                for (int i = 0; i < commands.Length; i++)
                {
                    times[i].Add(Once(commands[i].Replace("SOCKET", path, StringComparison.Ordinal), path));
                }
            }

            for (int i = 0; i < commands.Length; i++)
            {
                double[] sorted = [.. times[i].Select(one => one.Milliseconds).Order()];
                double resident = times[i].Select(one => one.Bytes).Order().ElementAt(Rounds / 2) / 1048576.0;
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{sorted[Rounds / 2]:0.0} ms ({sorted[0]:0.0} to {sorted[^1]:0.0}), {resident:0.0} MiB: {commands[i]}"));
            }

            return 0;
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static (double Milliseconds, long Bytes) Once(string command, string path)
    {
        File.Delete(path);
        string[] words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        long start = Stopwatch.GetTimestamp();
        using Process process = Process.Start(new ProcessStartInfo(words[0], words[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        try
        {
            var end = new UnixDomainSocketEndPoint(path);
            while (true)
            {
                using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    socket.Connect(end);
                    double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                    process.Refresh();
                    return (milliseconds, process.WorkingSet64);
                }
                catch (SocketException) when (!process.HasExited && Stopwatch.GetElapsedTime(start) < Patience)
                {
                    Thread.Sleep(TimeSpan.FromMilliseconds(0.2));
                }
                catch (SocketException e)
                {
                    throw new InvalidOperationException($"{command}: there is no socket: {e.Message}", e);
                }
            }
        }
        finally
        {
            process.Kill();
            process.WaitForExit();
        }
    }
}

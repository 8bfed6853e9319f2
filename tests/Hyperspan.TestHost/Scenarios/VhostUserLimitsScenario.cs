using System.Net.Sockets;
using Hyperspan.TestHost.Storms;
using Hyperspan.Testing;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// A disk is served where something runs out. Argument: <c>threads</c>, <c>events</c>, <c>listen</c>, <c>mode</c> or <c>group</c>, which the system refuses from some moment on, or
/// <c>files</c>, of which there may be as few more as there are rounds. Whatever it is, it is named, and nothing that was made is left.
/// </summary>
public sealed class VhostUserLimitsScenario : IScenario
{
    private const uint NotPermitted = 1;
    private const uint TryAgain = 11;

    // More than a connection with two queues opens, on both of its sides.
    private const int MostFiles = 40;

    private readonly string _folder = Directory.CreateTempSubdirectory("hs-").FullName;

    public string Name => "vhost-user-limits";

    private string Image => Path.Combine(_folder, "disk.img");

    public int Run(string[] arguments)
    {
        try
        {
            File.WriteAllBytes(Image, new byte[1 << 20]);

            // What the runtime keeps is opened before anything is counted, and before anything runs out.
            Console.WriteLine(Name);
            Orderly();
            Require(
            Record(() => RefuseListening([], null)).Contains("AddressAlreadyInUse", StringComparison.Ordinal), "the server is made where it cannot be");
            int files = OpenFiles.Count();
            int mappings = OpenFiles.CountMappings();
            switch (arguments[0])
            {
                case "threads":
                    RefuseDuring(VhostUserEventKind.RingStarted, "queue 1", [ForbiddenCalls.Clone, ForbiddenCalls.Clone3], TryAgain, "thread of queue 1 cannot be started");
                    break;
                case "events":
                    RefuseDuring(VhostUserEventKind.MemoryChanged, "", [ForbiddenCalls.Eventfd2], NotPermitted, "eventfd: Operation not permitted");
                    Require(
                        Record(() => RefuseListening([ForbiddenCalls.Eventfd2], null)).Contains("eventfd: Operation not permitted", StringComparison.Ordinal),
                        "eventfd is not named");
                    break;
                case "listen":
                    Console.WriteLine(Record(() => RefuseListening([ForbiddenCalls.Listen], null)));
                    break;
                case "mode":
                    Console.WriteLine(Record(() => RefuseListening(
                        [ForbiddenCalls.Chmod, ForbiddenCalls.FchmodAt], new VhostUserOptions { SocketMode = UnixFileMode.UserRead })));
                    break;
                case "group":
                    Console.WriteLine(Record(() => RefuseListening([ForbiddenCalls.Lchown], new VhostUserOptions { SocketGroup = 0 })));
                    break;
                default:
                    FewFiles(files, mappings);
                    break;
            }

            Require(Directory.GetFiles(_folder).Length == 1, "a socket is left");
            Require(OpenFiles.Count() <= files, $"{OpenFiles.Count()} open files, {files} before");
            Require(OpenFiles.CountMappings() <= mappings, $"{OpenFiles.CountMappings()} mappings, {mappings} before");
            Orderly();
            return ScenarioExit.Success;
        }
        catch (NotSupportedException e)
        {
            Console.WriteLine(e.Message);
            return ScenarioExit.Unavailable;
        }
        finally
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new InvalidOperationException(otherwise);
        }
    }

    private static void Forbid(ReadOnlySpan<uint> calls, uint error)
    {
        if (calls.Length != 0 && !ForbiddenCalls.TryForbid(calls, error, out string reason))
        {
            throw new NotSupportedException(reason);
        }
    }

    /// <summary>What is thrown, as text; not by the scenario itself.</summary>
    private static string Record(Action action)
    {
        try
        {
            action();
            return "";
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException or VhostUserException)
        {
            return e is SocketException socket ? $"{socket.SocketErrorCode}: {e.Message}" : e.Message;
        }
    }

    private void Orderly()
    {
        using var disk = new ServedDisk(Image);
        disk.FrontEnd.Negotiate();
        disk.Share();
        Require(disk.Write(0, disk.Start(0), 1) == BlockStatus.Ok && disk.Write(1, disk.Start(1), 2) == BlockStatus.Ok, "a request failed:\n" + disk.Log);
    }

    /// <summary>From an event of the connection on, its thread is refused something. The first queue runs by then.</summary>
    private void RefuseDuring(VhostUserEventKind kind, string part, uint[] calls, uint error, string reason)
    {
        byte[] before;
        using (var disk = new ServedDisk(Image, what =>
        {
            if (what.Kind == kind && what.ToString().Contains(part, StringComparison.Ordinal))
            {
                Forbid(calls, error);
            }
        }))
        {
            disk.FrontEnd.Negotiate();
            disk.Share();
            VirtQueueDriver? rings = null;
            string failure = Record(() =>
            {
                rings = disk.Start(0);
                disk.Write(0, rings, 3);
                disk.Start(1);
            });
            Require(failure.Length != 0, "everything was started");
            VhostUserEvent end = disk.End();
            Console.WriteLine(end);
            Require(end.Kind == VhostUserEventKind.DeviceFailed && end.ToString().Contains(reason, StringComparison.Ordinal), $"it does not say '{reason}': {end}");

            // The queue that ran is not served any more, and the image not written.
            before = File.ReadAllBytes(Image);
            if (rings is not null)
            {
                string unserved = "";
                try
                {
                    unserved = disk.Write(0, rings, 4, patience: 0.3).ToString();
                }
                catch (IOException)
                {
                    // Nobody answers, as it should be.
                }

                Require(unserved.Length == 0, "a queue of a connection that has ended is served");
            }
        }

        Require(File.ReadAllBytes(Image).AsSpan().SequenceEqual(before), "the image was written for a connection that has ended");
    }

    /// <summary>A server is made on a thread that is refused something; without, at a place that is taken.</summary>
    private void RefuseListening(uint[] calls, VhostUserOptions? options)
    {
        string path = Path.Combine(_folder, calls.Length == 0 ? "disk.img" : "s");
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                using var device = new VirtioBlockDevice(RawDiskImage.Open(Image), new VirtioBlockOptions());
                Forbid(calls, NotPermitted);
                new VhostUserServer(path, device, options).Dispose();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        Require(failure is not null, "the server is made");
        Require(calls.Length == 0 || !File.Exists(path), "the socket is left");
        System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure!);
    }

    /// <summary>A connection that may open 0, 1, 2 ... more files: it works, or says that there are too few, and leaves none.</summary>
    private void FewFiles(int files, int mappings)
    {
        int failed = 0;
        bool tableNamed = false;
        for (int more = 0; more < MostFiles; more++)
        {
            string failure;
            string log;
            using (var disk = new ServedDisk(Image))
            {
                using (OpenFiles.Allow(more))
                {
                    failure = Record(() =>
                    {
                        disk.FrontEnd.Negotiate();
                        disk.Share();
                        using VhostUserInflight inflight = disk.FrontEnd.GetInflight(2, 64);
                        disk.FrontEnd.SetInflight(inflight);
                        disk.Start(0);
                        disk.Start(1);
                    });
                    disk.FrontEnd.Dispose();
                    disk.End();
                }

                log = disk.Log;
            }

            if (failure.Length != 0)
            {
                failed++;
                Require(
                    (failure + log).Contains("open files", StringComparison.Ordinal), $"with {more} files it is not said that they are too few: {failure}\n{log}");
                tableNamed |= log.Contains("SET_MEM_TABLE: its descriptors cannot be taken", StringComparison.Ordinal);
            }

            Require(
                OpenFiles.Count() <= files && OpenFiles.CountMappings() <= mappings,
                $"with {more} files {OpenFiles.Count() - files} of them are left, {OpenFiles.CountMappings() - mappings} mappings");
        }

        Console.WriteLine($"{failed} of {MostFiles} failed");
        Require(failed > 0 && failed < MostFiles, "the limit is not where it was thought to be");
        Require(tableNamed, "it is never said that the descriptors of the table cannot be taken");
    }
}

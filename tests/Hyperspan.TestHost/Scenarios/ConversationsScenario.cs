using System.Globalization;

using Hyperspan.TestHost.Storms;
using Hyperspan.Testing;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.TestHost.Scenarios;

/// <summary>
/// Two disks are served. One has hostile front ends, each for one conversation (<see cref="HostileFrontEnd"/>): arguments are the first seed and how many. After every ten of
/// them an honest one is served there. The other disk has an honest front end all the while. In the end nothing is left: no descriptor, mapping or thread.
/// </summary>
public sealed class ConversationsScenario : IScenario
{
    private const int Sectors = 8;
    private const ulong Data = 0x8_0000;
    private const int WarmUp = 30;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly string _folder = Directory.CreateTempSubdirectory("hs-").FullName;

    public string Name => "vhost-user-conversations";

    public int Run(string[] arguments)
    {
        int seed = int.Parse(arguments[0], CultureInfo.InvariantCulture);
        int count = int.Parse(arguments[1], CultureInfo.InvariantCulture);
        try
        {
            Serve(seed, count);
            return ScenarioExit.Success;
        }
        finally
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private static int Threads() => Directory.GetDirectories("/proc/self/task").Count(static task =>
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm")).StartsWith("vhost-user", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return false;
        }
    });

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new InvalidOperationException(otherwise);
        }
    }

    private void Serve(int seed, int count)
    {
        using VirtioBlockDevice hostileDisk = NewDisk("a");
        using VirtioBlockDevice honestDisk = NewDisk("b");
        using VhostUserServer hostile = NewServer("a", hostileDisk);
        using VhostUserServer honest = NewServer("b", honestDisk);

        // The other disk's guest first, then its server: a request that is under way when that ends is not answered any more.
        using var enough = new CancellationTokenSource();
        using var stop = new CancellationTokenSource();
        Task[] serving = [hostile.RunAsync(stop.Token), honest.RunAsync(stop.Token)];
        Task<long> other = Task.Factory.StartNew(() => Use(enough.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        long steps = 0;
        (int Files, int Mappings, int Threads) before = default;
        for (int i = 0; i < count; i++)
        {
            if (i == WarmUp)
            {
                before = Count(hostile);
            }

            using (var frontEnd = new HostileFrontEnd(Socket("a"), seed + i))
            {
                steps += frontEnd.Run();
            }

            if (i % 10 == 9)
            {
                Require(!other.IsCompleted, $"the other disk is not served any more after seed {seed + i}");
                using var guest = new HonestGuest(Socket("a"));
                Require(guest.Check(seed + i), $"an honest front end is not served after seed {seed + i}");
            }
        }

        // What is still being closed is waited for.
        (int Files, int Mappings, int Threads) after = default;
        bool isAllGone = SpinWait.SpinUntil(
            () =>
            {
                after = Count(hostile);
                return after.Files <= before.Files && after.Mappings <= before.Mappings && after.Threads <= before.Threads;
            },
            Patience);
        VhostUserStatistics done = hostile.Statistics;
        Console.WriteLine($"{count} conversations from seed {seed}, {steps} steps, {done.Messages} messages, {done.Requests} requests; {before} became {after}");
        Require(isAllGone, $"something is left: {string.Join(' ', Open())}");
        Require(steps > count, "the conversations are too wrong to test anything");
        enough.Cancel();
        Require(other.Result > 0, "the other disk was not served");
        stop.Cancel();
        Require(Task.WaitAll(serving, Patience), "the servers do not end");
    }

    /// <summary>Counts what there is when no hostile front end is served.</summary>
    private static (int Files, int Mappings, int Threads) Count(VhostUserServer server)
    {
        Require(SpinWait.SpinUntil(() => !server.IsConnected, Patience), "a connection does not end");
        return (Open().Count(), OpenFiles.CountMappings(), Threads());
    }

    /// <summary>What is open here, but for what the runtime opens when it first needs it: nobody here makes pipes.</summary>
    private static IEnumerable<string> Open() => Directory.GetFileSystemEntries("/proc/self/fd").Select(static path => new FileInfo(path).LinkTarget ?? "")
        .Where(static target => !target.StartsWith("pipe:", StringComparison.Ordinal) && target != "/dev/urandom" && !target.EndsWith(".dll", StringComparison.Ordinal));

    private long Use(CancellationToken enough)
    {
        using var guest = new HonestGuest(Socket("b"));
        long rounds = 0;
        while (!enough.IsCancellationRequested)
        {
            Require(guest.Check((int)rounds), "a request of the other disk failed");
            rounds++;
            Thread.Sleep(1);
        }

        return rounds;
    }

    private string Socket(string name) => Path.Combine(_folder, name);

    private VirtioBlockDevice NewDisk(string name)
    {
        string image = Path.Combine(_folder, name + ".img");
        File.WriteAllBytes(image, new byte[1 << 20]);
        return new VirtioBlockDevice(RawDiskImage.Open(image), new VirtioBlockOptions { QueueCount = 2 });
    }

    private VhostUserServer NewServer(string name, VirtioBlockDevice disk) => new(Socket(name), disk, new VhostUserOptions
    {
        MessageTimeout = TimeSpan.FromMilliseconds(500),
        TranslationTimeout = TimeSpan.FromMilliseconds(200),
        OfferAddressTranslation = true,
        OfferQueueReset = true,
    });

    /// <summary>A front end that does everything right.</summary>
    private sealed class HonestGuest : IVirtQueueTransport, IDisposable
    {
        private readonly SharedBacking _backing = new(1 << 20);
        private readonly GuestMemory _memory;
        private readonly VhostUserFrontEnd _frontEnd;
        private readonly VhostUserFrontEndQueue _queue;
        private readonly VirtioBlockDriver _disk;

        internal HonestGuest(string socket)
        {
            _memory = new GuestMemory(_backing, "guest");
            _frontEnd = VhostUserFrontEnd.Connect(socket, Patience);
            _frontEnd.Negotiate(~VirtioFeatures.AccessPlatform);
            _frontEnd.SetMemory(VhostUserSharedMemory.Of(0, _backing));
            var rings = new VirtQueueDriver(_memory, 0x1000, 64, VirtioFeatures.ForQueue(_frontEnd.Features));
            _queue = _frontEnd.StartQueue(0, rings.Layout);
            _disk = new VirtioBlockDriver(_memory, rings, 0x4_0000, this);
        }

        public void Kick() => _queue.Kick();

        public bool Wait() => _queue.WaitForCall(Patience);

        public void Dispose()
        {
            _frontEnd.Dispose();
            _queue.Dispose();
            _memory.Dispose();
            _backing.DisposeAndUnmap();
        }

        /// <summary>Writes and reads back.</summary>
        internal bool Check(int round)
        {
            ulong sector = (ulong)(round & 0xff) * Sectors;
            var bytes = new byte[Sectors * 512];
            new Random(round).NextBytes(bytes);
            _memory.Write(Data, bytes);
            if (_disk.Write(sector, Data, (uint)bytes.Length) != BlockStatus.Ok || _disk.Read(sector, Data + 0x1_0000, (uint)bytes.Length) != BlockStatus.Ok)
            {
                return false;
            }

            var back = new byte[bytes.Length];
            _memory.Read(Data + 0x1_0000, back);
            return back.AsSpan().SequenceEqual(bytes);
        }
    }
}

using System.Diagnostics;
using System.Globalization;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>
/// One run: a folder, an image, a back end and guests on it, all gone afterwards. At most two run at a time in a process,
/// one for each processor of the smallest machine of the CI.
/// </summary>
internal sealed class GuestScenario : IAsyncDisposable
{
    private static readonly SemaphoreSlim Places = new(2);

    private readonly Action<string> _output;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<GuestMachine> _machines = [];
    private DiskServer _server;
    private int _migrations;
    private DiskBackendOptions _options = new();
    private IDiskBackend? _backend;
    private DiskImage? _image;

    private GuestScenario(string folder, Action<string> output)
    {
        Folder = folder;
        _output = output;
    }

    internal string Folder { get; }

    internal DiskImage Image => _image ?? throw new InvalidOperationException("no image yet");

    internal IDiskBackend Backend => _backend ?? throw new InvalidOperationException("no back end yet");

    /// <summary>Makes a scenario with its image and its back end, which listens.</summary>
    internal static async Task<GuestScenario> StartAsync(
        DiskServer server,
        Func<string, DiskImage> image,
        Action<string> output,
        DiskBackendOptions? options = null)
    {
        await Places.WaitAsync();

        // Short: the path of a Unix socket has room for 107 bytes.
        var scenario = new GuestScenario(Directory.CreateTempSubdirectory("hs-").FullName, output);
        try
        {
            scenario._image = image(scenario.Folder);
            options ??= new DiskBackendOptions();
            scenario._server = server;
            scenario._options = options;
            scenario._backend = scenario.CreateBackend("disk.socket");
            await scenario._backend.StartAsync();
            return scenario;
        }
        catch
        {
            await scenario.DisposeAsync();
            throw;
        }
    }

    /// <summary>Boots a guest; several may follow one another.</summary>
    internal async Task<GuestMachine> BootAsync(GuestOptions options)
    {
        GuestMachine machine = await GuestMachine.StartAsync(Folder, Backend.SocketPath, options);
        _machines.Add(machine);
        return machine;
    }

    /// <summary>Boots a guest and waits for the end of its script.</summary>
    internal async Task<GuestReport> RunAsync(GuestOptions options)
    {
        GuestMachine machine = await BootAsync(options);
        return await machine.FinishAsync();
    }

    /// <summary>Sends a guest to another machine with a back end of its own, and ends what it came from.</summary>
    internal async Task<(GuestMachine Machine, MigrationFigures Figures)> MigrateAsync(GuestMachine source)
    {
        int number = ++_migrations;
        IDiskBackend before = Backend;
        IDiskBackend after = CreateBackend(string.Create(CultureInfo.InvariantCulture, $"disk{number}.socket"));
        await after.StartAsync();
        _backend = after;
        string path = Path.Combine(Folder, string.Create(CultureInfo.InvariantCulture, $"incoming{number}.socket"));
        string incoming = "unix:" + path;
        GuestMachine machine = await GuestMachine.StartAsync(Folder, after.SocketPath, source.Options with { Incoming = incoming }, number);
        _machines.Add(machine);
        while (!File.Exists(path) && _clock.Elapsed < source.Options.Timeout)
        {
            await Task.Delay(20);
        }

        MigrationFigures figures = await source.MigrateAsync(incoming);

        // What it came from goes away: nothing of it is needed.
        _machines.Remove(source);
        await source.DisposeAsync();
        _output($"== guest, before it went\n{source.Log}");
        int exit = await before.StopAsync();
        _output($"== {before.Name}, from which the guest went\n{before.Log}");
        await before.DisposeAsync();
        return exit == 0 ? (machine, figures) : throw new EndToEndException($"{before.Name} ended with {exit}");
    }

    private IDiskBackend CreateBackend(string socket) => _server == DiskServer.Hyperspan
        ? new HyperspanBackend(Path.Combine(Folder, socket), Image.Path, _options)
        : new StorageDaemonBackend(Path.Combine(Folder, socket), Image.Path, _options);

    /// <summary>Ends everything and hands the logs to the output; xunit shows them where the test failed.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            foreach (GuestMachine machine in _machines)
            {
                await machine.DisposeAsync();
                _output($"== guest\n{machine.Log}");
            }

            if (_backend is not null)
            {
                await _backend.DisposeAsync();
                _output($"== {_backend.Name}\n{_backend.Log}");
            }

            Directory.Delete(Folder, recursive: true);
            _output($"== {_clock.Elapsed.TotalSeconds:0.0} s");
        }
        finally
        {
            Places.Release();
        }
    }
}

using System.Globalization;
using Hyperspan.DiskComparison;
using Hyperspan.EndToEnd.Harness;

// The same guest script on hyperspan and on qemu-storage-daemon, in turn, so that both meet the same moods of the machine.
//   dotnet run -c Release --project bench/Hyperspan.DiskComparison [-- runs [server ...]]
int runs = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 5;
DiskServer[] servers = args.Length > 1
    ? [.. args[1..].Select(name => Enum.Parse<DiskServer>(name, ignoreCase: true))]
    : [DiskServer.Hyperspan, DiskServer.StorageDaemon];

if (TestBed.Missing is { } missing || (TestBed.Program("ioping") is null && (missing = "ioping is missing: run tests/Hyperspan.EndToEnd/install") is not null))
{
    Console.Error.WriteLine(missing);
    return 2;
}

if (servers.Contains(DiskServer.Hyperspan) && HyperspanBackend.Assembly is null)
{
    Console.Error.WriteLine("src/Hyperspan.Tool is not there");
    return 2;
}

var figures = new Dictionary<(DiskServer Server, string Key), List<double>>();
for (int run = 1; run <= runs; run++)
{
    // The first one of a round is the second one of the next.
    foreach (DiskServer server in run % 2 == 1 ? servers : servers.Reverse())
    {
        Console.Error.WriteLine($"run {run} of {runs}: {server}");
        await RunAsync(server);
    }
}

Console.WriteLine($"Medians of {runs} runs in turn (lowest to highest); guest in QEMU by software emulation, one processor, one queue");
Console.WriteLine($"{"",-36}{string.Concat(servers.Select(server => $"{server,-28}"))}{(servers.Length == 2 ? "ratio" : "")}");
foreach (Measure measure in Measure.All)
{
    double[] medians = [.. servers.Select(server => Measure.Median(figures[(server, measure.Key)]))];
    IEnumerable<string> columns = servers.Select((server, i) =>
    {
        List<double> values = figures[(server, measure.Key)];
        return $"{$"{medians[i]:0} ({values.Min():0} to {values.Max():0})",-28}";
    });
    string ratio = medians.Length == 2 ? $"{medians[0] / medians[1]:0.00}" : string.Empty;
    Console.WriteLine($"{measure.Title,-36}{string.Concat(columns)}{ratio,-6}{measure.Unit}");
}

return 0;

async Task RunAsync(DiskServer server)
{
    string log = string.Empty;
    try
    {
        await using GuestScenario scenario = await GuestScenario.StartAsync(
            server,
            folder => DiskImage.CreateRandom(folder, 128, seed: 41),
            text => log += text + "\n");
        GuestMachine guest = await scenario.BootAsync(new GuestOptions { Script = "compare", Timeout = TimeSpan.FromMinutes(3) });
        await guest.WaitForMarkAsync(mark => mark == "warm", "the warm-up");
        TimeSpan before = scenario.Backend.ProcessorTime;
        await guest.WaitForMarkAsync(mark => mark == "measured", "the figures");
        TimeSpan spent = scenario.Backend.ProcessorTime - before;
        GuestReport report = await guest.FinishAsync();
        if (report.Status != 0 || report.KernelErrors != 0)
        {
            throw new EndToEndException("the guest's script failed");
        }

        foreach (Measure measure in Measure.All)
        {
            double value = measure.Key == Measure.ProcessorTime ? spent.TotalMilliseconds : report.Fraction(measure.Key);
            if (!figures.TryGetValue((server, measure.Key), out List<double>? values))
            {
                figures[(server, measure.Key)] = values = [];
            }

            values.Add(value);
        }
    }
    catch
    {
        Console.Error.WriteLine(log);
        throw;
    }
}

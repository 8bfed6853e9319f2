// Reads from a vhost-user disk at a depth, through the rings of one queue or several, without a guest: what is measured is the back end.
//   dotnet run -c Release --project bench/Hyperspan.RingLoad -- SOCKET [depth [queues [seconds [bytes [split|packed]]]]]
// Prints requests per second, and the median and 99th percentile of one request's time at depth 1.
//   dotnet run -c Release --project bench/Hyperspan.RingLoad -- start 'hyperspan serve block --socket SOCKET --image FILE' 'ANOTHER COMMAND' ...
// Starts back ends in turns, and prints how long each took until its socket could be connected to, and the memory it had then.
using System.Diagnostics;
using System.Globalization;

using Hyperspan;
using Hyperspan.RingLoad;
using Hyperspan.Testing;
using Hyperspan.Virtio;

if (args is ["start", _, ..])
{
    return StartMeasure.Run(args[1..]);
}

string socket = args[0];
int depth = Number(1, 32);
int queues = Number(2, 1);
int seconds = Number(3, 3);
uint bytes = (uint)Number(4, 4096);
bool isPacked = args is [_, _, _, _, _, "packed"];

using var backing = new SharedBacking((256UL << 20));
using var memory = new GuestMemory(backing, "guest");
using VhostUserFrontEnd frontEnd = VhostUserFrontEnd.Connect(socket, TimeSpan.FromSeconds(10));
frontEnd.Negotiate(
    VirtioFeatures.Version1 | VirtioFeatures.IndirectDescriptors | VirtioFeatures.EventIndex | (1UL << 30) | VirtioBlockFeatures.MultiQueue | VirtioBlockFeatures.Flush
    | (isPacked ? VirtioFeatures.PackedRing : 0));
if (isPacked && (frontEnd.Features & VirtioFeatures.PackedRing) == 0)
{
    Console.Error.WriteLine("the back end has no packed rings");
    return 1;
}

frontEnd.SetMemory(VhostUserSharedMemory.Of(0, backing));
ulong sectors = BitConverter.ToUInt64(frontEnd.GetConfig(0, 8));
var loads = new QueueLoad[queues];
for (int i = 0; i < queues; i++)
{
    loads[i] = new QueueLoad(frontEnd, memory, i, (ulong)(i + 1) * (32UL << 20), depth, bytes, sectors, isPacked);
}

long start = Stopwatch.GetTimestamp();
Thread[] threads = [.. loads.Select(load => new Thread(() => load.Run(TimeSpan.FromSeconds(seconds))))];
foreach (Thread thread in threads)
{
    thread.Start();
}

foreach (Thread thread in threads)
{
    thread.Join();
}

double time = Stopwatch.GetElapsedTime(start).TotalSeconds;
long requests = loads.Sum(load => load.Requests);
string latency = depth == 1 ? string.Create(CultureInfo.InvariantCulture, $"  median {loads[0].Percentile(50):0.0} us, p99 {loads[0].Percentile(99):0.0} us") : "";
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{requests / time / 1000:0.0} k/s  {requests * bytes / time / 1e9:0.00} GB/s{latency}"));
foreach (QueueLoad load in loads)
{
    load.Dispose();
}

return 0;

int Number(int at, int otherwise) => args.Length > at ? int.Parse(args[at], CultureInfo.InvariantCulture) : otherwise;

using System.Globalization;

using Xunit.Abstractions;

namespace Hyperspan.VhostUser.Tests;

/// <summary>Front ends with far more memory than there is, one after the other: what they take of this process's addresses is given back without a collection.</summary>
public sealed class AddressSpaceTests(ITestOutputHelper output) : IDisposable
{
    // So often 768 GiB is far more than a process has addresses for: 128 TiB (x86-64, four levels).
    private const int Rounds = 400;

    private const ulong Part = 256UL << 30;

    private readonly TestMemory _memory = new(3 * Part);

    [Fact]
    public void A_connection_that_ends_gives_its_addresses_back()
    {
        int count = Environment.GetEnvironmentVariable("HYPERSPAN_LONG") == "1" ? 10_000 : Rounds;
        using var device = new TestDevice();
        OpenDescriptors.ShouldNotGrow(() =>
        {
            Print("before");
            for (int i = 0; i < count / 2; i++)
            {
                using var harness = new Harness(device);
                harness.FrontEnd.Negotiate();
                harness.FrontEnd.SetMemory(Table(i));
                ConversationTests.ShouldServe(harness.FrontEnd, _memory, 0x1000, number: (ulong)i);
                harness.Connection.Statistics.Errors.ShouldBe(0, harness.Log.ToString());
            }

            Print("after");
        });
    }

    [Fact]
    public void A_table_that_is_replaced_gives_its_addresses_back()
    {
        using var harness = new Harness();
        harness.FrontEnd.Negotiate();
        for (int i = 0; i < Rounds; i++)
        {
            harness.FrontEnd.SetMemory(Table(i));
        }

        ConversationTests.ShouldServe(harness.FrontEnd, _memory, 0x1000, number: 1);
    }

    [Fact]
    public void A_region_that_is_taken_away_gives_its_addresses_back()
    {
        using var harness = new Harness();
        harness.FrontEnd.Negotiate();
        VhostUserSharedMemory whole = _memory.Region();
        for (int i = 0; i < Rounds; i++)
        {
            harness.FrontEnd.AddMemory(whole);
            harness.FrontEnd.RemoveMemory(whole.Region);
        }

        harness.FrontEnd.AddMemory(whole);
        ConversationTests.ShouldServe(harness.FrontEnd, _memory, 0x1000, number: 1);
    }

    [Fact]
    public void Tables_that_are_refused_take_no_addresses()
    {
        using var device = new TestDevice();
        for (int i = 0; i < Rounds; i++)
        {
            using var harness = new Harness(device);
            harness.FrontEnd.Negotiate();
            Should.Throw<VhostUserException>(() => harness.FrontEnd.SetMemory([_memory.Region(), _memory.Region(0x1000, 0x1000)]));
            harness.End().ToString().ShouldContain("overlaps");
        }
    }

    public void Dispose() => _memory.Dispose();

    private void Print(string when)
    {
        string size = File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmSize", StringComparison.Ordinal));
        int mappings = File.ReadLines("/proc/self/maps").Count();
        int descriptors = Directory.GetFiles("/proc/self/fd").Length;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{when}: {size}, {mappings} mappings, {descriptors} descriptors"));
    }

    /// <summary>The same memory in three regions; the last two are in another order each time, so that tables differ.</summary>
    private VhostUserSharedMemory[] Table(int round)
    {
        ulong second = round % 2 == 0 ? 1UL : 2;
        return [_memory.Region(0, Part), _memory.Region(second * Part, Part, Part), _memory.Region((3 - second) * Part, Part, 2 * Part)];
    }
}

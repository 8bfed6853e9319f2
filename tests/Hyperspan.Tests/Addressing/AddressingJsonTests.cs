using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using static Hyperspan.Tests.Addressing.AddressingGenerators;

namespace Hyperspan.Tests.Addressing;

public class AddressingJsonTests
{
    private static readonly AddressingJsonContext Generated = AddressingJsonContext.Default;

    // Options that loosen other types must not loosen these.
    private static readonly JsonSerializerOptions Loose = new()
    {
        NumberHandling = JsonNumberHandling.AllowReadingFromString | JsonNumberHandling.WriteAsString,
        PropertyNameCaseInsensitive = true,
    };

    [Fact]
    public void Has_the_documented_shapes()
    {
        Json(new GuestAddress(0x1000), Generated.GuestAddress).ShouldBe("4096");
        Json(GuestAddress.MaxValue, Generated.GuestAddress).ShouldBe("18446744073709551615");
        Json(new GuestRange(0x1000, 0x2000), Generated.GuestRange).ShouldBe("""{"base":4096,"size":8192}""");
        Json(Protection.ReadExecute, Generated.Protection).ShouldBe("""{"read":true,"write":false,"execute":true}""");
        Json(new GuestMemoryRegion(new GuestRange(0, 1), 7, Protection.Read), Generated.GuestMemoryRegion)
            .ShouldBe("""{"range":{"base":0,"size":1},"slot":7,"protection":{"read":true,"write":false,"execute":false}}""");
    }

    [Fact]
    public void Round_trips()
    {
        Check(Addresses, value => RoundTrips(value, Generated.GuestAddress));
        Check(Ranges, value => RoundTrips(value, Generated.GuestRange));
        Check(Protections, value => RoundTrips(value, Generated.Protection));
        Check(Regions, value => RoundTrips(value, Generated.GuestMemoryRegion));
    }

    [Fact]
    public void Works_within_other_types()
    {
        GuestMemoryRegion[] regions = [new(new GuestRange(0, 0x1000), 0, default), new(new GuestRange(0x1000, 1), 1, default)];
        Read(Json(regions, Generated.GuestMemoryRegionArray), Generated.GuestMemoryRegionArray).ShouldBe(regions);

        JsonSerializer.Deserialize("null", Generated.NullableGuestRange).ShouldBeNull();
        JsonSerializer.Deserialize("""{"base":1,"size":2}""", Generated.NullableGuestRange).ShouldBe(new GuestRange(1, 2));

        var byAddress = new Dictionary<GuestAddress, GuestRange> { [ulong.MaxValue] = new(1, 2) };
        string json = Json(byAddress, Generated.DictionaryGuestAddressGuestRange);
        json.ShouldBe("""{"18446744073709551615":{"base":1,"size":2}}""");
        JsonSerializer.Deserialize(json, Generated.DictionaryGuestAddressGuestRange).ShouldBe(byAddress);
        Refuses("""{"0x10":{"base":1,"size":2}}""", Generated.DictionaryGuestAddressGuestRange).ShouldContain("property name");
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("18446744073709551616")]
    [InlineData("1.5")]
    [InlineData("1e3")]
    [InlineData("\"4096\"")]
    [InlineData("\"0x1000\"")]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("{}")]
    [InlineData("[1]")]
    public void An_address_is_a_whole_number_that_fits(string json) =>
        Refuses(json, Generated.GuestAddress).ShouldContain("from 0 to 2^64 - 1");

    [Theory]
    [InlineData("""{"base":18446744073709551615,"size":2}""", "overflows")]
    [InlineData("""{"base":18446744073709551360,"size":512}""", "overflows")]
    [InlineData("""{"base":4096}""", "must have 'size'")]
    [InlineData("""{"size":4096}""", "must have 'base'")]
    [InlineData("""{"Base":4096,"size":1}""", "must have 'base'")]
    [InlineData("{}", "must have 'base'")]
    [InlineData("""{"base":1,"size":1,"base":2}""", "'base' more than once")]
    [InlineData("""{"base":1,"size":1,"size":1}""", "'size' more than once")]
    [InlineData("""{"base":-1,"size":1}""", "base of a guest range")]
    [InlineData("""{"base":"1","size":1}""", "base of a guest range")]
    [InlineData("""{"base":1,"size":null}""", "size of a guest range")]
    [InlineData("""{"base":1,"size":{"base":1}}""", "size of a guest range")]
    [InlineData("[1,2]", "must be an object")]
    [InlineData("null", "must be an object")]
    public void A_range_is_checked_when_read(string json, string message) =>
        Refuses(json, Generated.GuestRange).ShouldContain(message);

    [Theory]
    [InlineData("""{"read":true,"write":true}""", "must have 'execute'")]
    [InlineData("""{"read":true,"execute":true}""", "must have 'write'")]
    [InlineData("""{"write":true,"execute":true}""", "must have 'read'")]
    [InlineData("""{"read":1,"write":true,"execute":true}""", "must be true or false")]
    [InlineData("""{"read":"true","write":true,"execute":true}""", "must be true or false")]
    [InlineData("""{"read":true,"write":null,"execute":true}""", "must be true or false")]
    [InlineData("""{"read":true,"write":true,"execute":true,"read":true}""", "'read' more than once")]
    [InlineData("""{"read":true,"write":true,"write":true}""", "'write' more than once")]
    [InlineData("""{"execute":true,"execute":true}""", "'execute' more than once")]
    [InlineData("\"rwx\"", "must be an object")]
    public void A_protection_is_checked_when_read(string json, string message) =>
        Refuses(json, Generated.Protection).ShouldContain(message);

    [Theory]
    [InlineData("""{"slot":1,"protection":P}""", "must have 'range'")]
    [InlineData("""{"range":R,"protection":P}""", "must have 'slot'")]
    [InlineData("""{"range":R,"slot":1}""", "must have 'protection'")]
    [InlineData("""{"range":R,"slot":4294967296,"protection":P}""", "from 0 to 2^32 - 1")]
    [InlineData("""{"range":R,"slot":-1,"protection":P}""", "from 0 to 2^32 - 1")]
    [InlineData("""{"range":R,"slot":"1","protection":P}""", "from 0 to 2^32 - 1")]
    [InlineData("""{"range":R,"range":R}""", "'range' more than once")]
    [InlineData("""{"slot":1,"slot":1}""", "'slot' more than once")]
    [InlineData("""{"protection":P,"protection":P}""", "'protection' more than once")]
    [InlineData("""{"range":{"base":18446744073709551615,"size":2}}""", "overflows")]
    [InlineData("""{"range":null}""", "must be an object")]
    [InlineData("7", "must be an object")]
    public void A_region_is_checked_when_read(string json, string message) =>
        Refuses(
            json.Replace("R", """{"base":0,"size":1}""").Replace("P", """{"read":true,"write":true,"execute":true}"""),
            Generated.GuestMemoryRegion).ShouldContain(message);

    [Fact]
    public void Order_does_not_matter_and_other_properties_are_ignored()
    {
        Read("""{"x":{"base":[9]},"size":2,"base":1,"y":null}""", Generated.GuestRange).ShouldBe(new GuestRange(1, 2));
        Read("""{"execute":true,"z":[{}],"write":false,"read":true}""", Generated.Protection)
            .ShouldBe(Protection.ReadExecute);
        Read(
            """
            {"name":"ram","protection":{"read":true,"write":false,"execute":false},"slot":4294967295,"range":{"base":1,"size":2}}
            """,
            Generated.GuestMemoryRegion)
            .ShouldBe(new GuestMemoryRegion(new GuestRange(1, 2), uint.MaxValue, Protection.Read));
    }

    [Theory]
    [InlineData("""{"base":1,""")]
    [InlineData("""{"base":1""")]
    [InlineData("""{"base":""")]
    [InlineData("{")]
    public void Truncated_text_is_refused(string json) => Refuses(json, Generated.GuestRange).ShouldNotBeEmpty();

    [Fact]
    public async Task Reads_from_a_stream_that_comes_in_pieces()
    {
        GuestMemoryRegion[] regions =
            [.. Enumerable.Range(0, 200).Select(i => new GuestMemoryRegion(new GuestRange((ulong)i << 32, 1), (uint)i, default))];
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(regions, Generated.GuestMemoryRegionArray);
        var context = new AddressingJsonContext(new JsonSerializerOptions { DefaultBufferSize = 16 });
        using var stream = new MemoryStream(json);
        GuestMemoryRegion[]? read = await JsonSerializer.DeserializeAsync(stream, context.GuestMemoryRegionArray);
        read.ShouldBe(regions);
    }

    private static bool RoundTrips<T>(T value, JsonTypeInfo<T> generated) =>
        EqualityComparer<T>.Default.Equals(Read(Json(value, generated), generated), value);

    /// <summary>Writes by generated code, by reflection and by loose options, which must agree.</summary>
    private static string Json<T>(T value, JsonTypeInfo<T> generated)
    {
        string json = JsonSerializer.Serialize(value, generated);
        JsonSerializer.Serialize(value).ShouldBe(json);
        JsonSerializer.Serialize(value, Loose).ShouldBe(json);
        return json;
    }

    private static T? Read<T>(string json, JsonTypeInfo<T> generated) => JsonSerializer.Deserialize(json, generated);

    private static string Refuses<T>(string json, JsonTypeInfo<T> generated)
    {
        string message = Should.Throw<JsonException>(() => JsonSerializer.Deserialize(json, generated)).Message;
        Should.Throw<JsonException>(() => JsonSerializer.Deserialize<T>(json)).Message.ShouldBe(message);
        Should.Throw<JsonException>(() => JsonSerializer.Deserialize<T>(json, Loose));
        return message;
    }
}

using System.Globalization;

namespace Hyperspan.TestHost.Model;

/// <summary>What a step of a script does.</summary>
public enum ModelOperation
{
    Read,
    Write,
    ReadOrdered,
    WriteOrdered,
    ReadEndian,
    WriteEndian,
    ReadBytes,
    WriteBytes,
    Fill,
    CompareExchange,
    Copy,
    Probe,
    ProbePages,
    Lock,
    LockPages,
    Unlock,
    Slice,
    Close,
    Change,
}

/// <summary>One step of a script, as numbers that mean something in every world.</summary>
/// <param name="Operation">What to do.</param>
/// <param name="View">Which memory, counted around.</param>
/// <param name="Address">Where, from the lowest address of the world; it may be negative.</param>
/// <param name="Length">How many bytes; for values, a power of two. Lengths past 2^63 are written as negative ones.</param>
/// <param name="Other">A second address, a second view, a backing.</param>
/// <param name="Value">What to write, or how.</param>
public sealed record ModelCommand(ModelOperation Operation, int View, int Address, long Length, int Other, int Value)
{
    /// <summary>How many numbers a command is made from, each from 0 up to <see cref="Most"/>.</summary>
    public const int Numbers = 7;

    public const int Most = 1_000_000;

    private static readonly ModelOperation[] Often =
    [
        .. Enum.GetValues<ModelOperation>(),
        ModelOperation.Read, ModelOperation.Write, ModelOperation.ReadBytes, ModelOperation.WriteBytes, ModelOperation.Fill,
        ModelOperation.Copy, ModelOperation.Copy, ModelOperation.CompareExchange, ModelOperation.Change,
        ModelOperation.Read, ModelOperation.Write,
    ];

    /// <summary>Makes a command from random numbers, such that many accesses lie around the ends of pages.</summary>
    public static ModelCommand From(IReadOnlyList<int> numbers)
    {
        ModelOperation operation = Often[numbers[0] % Often.Length];
        long length = operation switch
        {
            ModelOperation.ReadBytes or ModelOperation.WriteBytes or ModelOperation.Fill or ModelOperation.Copy or ModelOperation.Probe
                or ModelOperation.Lock or ModelOperation.Slice => SomeLength(numbers[3]),
            _ => 1L << (numbers[3] % 5),
        };
        return new ModelCommand(operation, numbers[1] % 12, SomeAddress(numbers[2]), length, SomeAddress(numbers[4]), (numbers[5] * 12) + (numbers[6] % 12));
    }

    /// <summary>A random sequence, the same for the same seed everywhere.</summary>
    public static ModelCommand[] Sequence(int seed, int count)
    {
        var random = new Random(seed);
        var commands = new ModelCommand[count];
        int[] numbers = new int[Numbers];
        for (int i = 0; i < count; i++)
        {
            for (int n = 0; n < Numbers; n++)
            {
                numbers[n] = random.Next(Most);
            }

            commands[i] = From(numbers);
        }

        return commands;
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Operation} view {View} at {(Address < 0 ? "-" : "")}0x{Math.Abs(Address):x} length 0x{Length:x} other 0x{Other:x} value {Value}");

    private static int SomeAddress(int number)
    {
        int style = number % 8;
        int page = number / 8 % 13 * ModelBacking.PageSize;
        int rest = number / (8 * 13);
        return style switch
        {
            0 or 1 or 2 => page + (rest % 21) - 10,
            3 => page + (rest % 601) - 300,
            4 => page,
            5 => page + (rest % ModelBacking.PageSize & ~7),
            6 => page + ModelBacking.PageSize - (8 << (rest % 3)),
            _ => page + (rest % ModelBacking.PageSize),
        };
    }

    private static long SomeLength(int number)
    {
        int rest = number / 8;
        return (number % 8) switch
        {
            0 or 1 or 2 => 1 + (rest % 40),
            3 or 4 => 1 + (rest % 300),
            5 => rest % 9000,
            6 => (long)(rest % 50_000) * (ModelBacking.PageSize / GuestAddress.PageSize),
            _ => (rest % 5) switch
            {
                0 => 0,
                1 => -1 - (rest % 70_000),
                2 => long.MinValue,
                _ => ModelBacking.PageSize * (rest % 4),
            },
        };
    }
}

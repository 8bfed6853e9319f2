using System.Buffers.Text;
using System.Globalization;
using Hyperspan.Synchronization;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan;

/// <summary>
/// Keeps the process away from the kernel's limit on mappings (<c>vm.max_map_count</c>, 65,530 by default). At the limit it is not this library that fails but
/// whoever asks next: the runtime, for a thread's stack or a part of its heap, and it ends the process. So an eighth of the limit is left alone. Thread-safe.
/// </summary>
/// <remarks>
/// The process is counted (<c>/proc/self/maps</c>, some milliseconds for each 10,000 mappings) once in half of what is left: usually never again.
/// Where that cannot be read there is no budget, and the kernel alone refuses.
/// </remarks>
internal static class MappingBudget
{
    private const int LeastMargin = 1024;
    private const int RecountMilliseconds = 1000;

    // Taken without a count, so that a short program reads nothing: far less than what is left alone.
    private const long Uncounted = 512;

    private static readonly Lock Gate = new();
    private static long Left = Uncounted;
    private static bool Unlimited;
    private static long RefusedAt = long.MinValue;
    private static int GivenBack;

    /// <summary>Gets the most mappings the process may have before more are refused, or <see langword="null"/> where that is not known.</summary>
    internal static long? Limit => OperatingSystem.IsLinux() && ReadLimit() is { } limit ? limit - Math.Max(LeastMargin, limit / 8) : null;

    /// <summary>Takes a number of mappings, which are about to be made, from the budget.</summary>
    /// <param name="count">How many there may be more afterwards.</param>
    /// <returns>Why not, or <see langword="null"/>.</returns>
    internal static string? Take(int count)
    {
        if (Volatile.Read(ref Unlimited) || Interlocked.Add(ref Left, -count) >= 0)
        {
            return null;
        }

        using (UninterruptedLock.Enter(Gate))
        {
            if (Volatile.Read(ref Left) >= count)
            {
                Interlocked.Add(ref Left, -count);
                return null;
            }

            // Nothing has changed since the last one was refused: not counted again each time.
            bool changed = Interlocked.Exchange(ref GivenBack, 0) != 0;
            if (!changed && RefusedAt != long.MinValue && Environment.TickCount64 - RefusedAt < RecountMilliseconds)
            {
                return Refusal(null);
            }

            if (Limit is not { } limit || CountMappings() is not { } mappings)
            {
                Volatile.Write(ref Unlimited, true);
                return null;
            }

            if (mappings + count > limit)
            {
                Volatile.Write(ref Left, 0);
                RefusedAt = Environment.TickCount64;
                return Refusal(mappings);
            }

            // Others in the process make mappings too: half of what is left, then look again.
            RefusedAt = long.MinValue;
            Volatile.Write(ref Left, (limit - mappings - count) / 2);
            return null;
        }
    }

    /// <summary>Says that mappings have gone, so that the next who asks is not refused unseen.</summary>
    internal static void NoteGivenBack() => Volatile.Write(ref GivenBack, 1);

    private static string Refusal(long? mappings) => string.Create(
        CultureInfo.InvariantCulture,
        $"the process has {(mappings is { } count ? $"{count} mappings" : "too many mappings")}, "
        + $"and an eighth of vm.max_map_count ({ReadLimit()}) is left to the runtime, which could not go on without");

    private static long? ReadLimit()
    {
        Span<byte> text = stackalloc byte[32];
        return Read("/proc/sys/vm/max_map_count", text, out int length) && Utf8Parser.TryParse(text[..length], out long limit, out _) ? limit : null;
    }

    private static bool Read(string path, Span<byte> buffer, out int length)
    {
        length = 0;
        try
        {
            using SafeFileHandle file = File.OpenHandle(path);
            length = RandomAccess.Read(file, buffer, 0);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static long? CountMappings()
    {
        try
        {
            using var file = new FileStream("/proc/self/maps", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            Span<byte> buffer = stackalloc byte[4096];
            long lines = 0;
            while (file.Read(buffer) is var read and not 0)
            {
                lines += buffer[..read].Count((byte)'\n');
            }

            return lines;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

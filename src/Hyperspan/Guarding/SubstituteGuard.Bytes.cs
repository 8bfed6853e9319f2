using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Hyperspan.Interop.Linux;

namespace Hyperspan.Guarding;

internal static unsafe partial class SubstituteGuard
{
    private const int BufferSize = 4096;

    // What one call transfers at most; far below the kernel's limit, above which it transfers less than it was asked for.
    private const nuint ChunkSize = 1 << 20;

    public static GuardedResult Copy(byte* destination, byte* source, nuint length)
    {
        var distance = (nuint)destination - (nuint)source;
        if (distance >= length && (nuint)0 - distance >= length)
        {
            // The kernel meets faults on its local side, the destination, without a signal just as on the other.
            for (nuint done = 0; done < length; done += Math.Min(length - done, ChunkSize))
            {
                nuint chunk = Math.Min(length - done, ChunkSize);
                if (!Transfer(destination + done, source + done, chunk, write: false))
                {
                    return FaultOfCopy(destination + done, source + done, chunk);
                }
            }

            return default;
        }

        return CopyOverlapping(destination, source, length, backward: distance < length);
    }

    public static GuardedResult Fill(byte* destination, byte value, nuint length)
    {
        byte* buffer = stackalloc byte[BufferSize];
        new Span<byte>(buffer, BufferSize).Fill(value);
        for (nuint done = 0; done < length;)
        {
            var chunk = Math.Min(length - done, BufferSize);
            if (!Transfer(buffer, destination + done, chunk, write: true))
            {
                return Fault(destination + done);
            }

            done += chunk;
        }

        return default;
    }

    private static GuardedResult CopyOverlapping(byte* destination, byte* source, nuint length, bool backward)
    {
        byte* buffer = stackalloc byte[BufferSize];
        for (nuint done = 0; done < length;)
        {
            var chunk = Math.Min(length - done, BufferSize);
            var offset = backward ? length - done - chunk : done;
            if (!Transfer(buffer, source + offset, chunk, write: false))
            {
                return Fault(source + offset);
            }

            if (!Transfer(buffer, destination + offset, chunk, write: true))
            {
                return Fault(destination + offset);
            }

            done += chunk;
        }

        return default;
    }

    /// <summary>The kernel does not tell on which side it failed: on the source's, if that has a byte that cannot be read.</summary>
    private static GuardedResult FaultOfCopy(byte* destination, byte* source, nuint length)
    {
        GuardedFault read = Guard.FindLowestFault(source, length, write: false, mayBlock: true);
        return Fault(read.IsNone ? destination : read.Address);
    }

    /// <summary>
    /// Transfers all or fails. A refusal by the host that comes after <see cref="TryProbe"/> counts as a fault: it may meet an
    /// access that must not throw.
    /// </summary>
    private static bool Transfer(byte* local, byte* remote, nuint length, bool write)
    {
        ThrowUnlessSupported();
        return TryTransfer(local, remote, length, write, out _);
    }

    /// <summary>Transfers all or fails; <paramref name="error"/> is 0 where only a part could be transferred.</summary>
    private static bool TryTransfer(byte* local, byte* remote, nuint length, bool write, out int error)
    {
        var localVector = new IoVector(local, length);
        var remoteVector = new IoVector(remote, length);

        // SAFETY: the kernel checks both ranges and answers a short count or EFAULT instead of raising a signal.
        var transferred = write
            ? LibC.ProcessVmWritev(Self, &localVector, 1, &remoteVector, 1, 0)
            : LibC.ProcessVmReadv(Self, &localVector, 1, &remoteVector, 1, 0);
        error = transferred < 0 ? Marshal.GetLastPInvokeError() : 0;
        return transferred == (nint)length;
    }

    private static void ThrowUnlessSupported()
    {
        if (!OperatingSystem.IsLinux())
        {
            ThrowNotSupported();
        }
    }

    [DoesNotReturn]
    private static void ThrowNotSupported() => throw new PlatformNotSupportedException("Guarded memory access needs Linux.");
}

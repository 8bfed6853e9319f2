using System.Net.Sockets;

using Hyperspan.Interop.Linux;

namespace Hyperspan.VhostUser;

/// <summary>Makes two Unix sockets that are connected to each other, for a front end in the same process. Linux only.</summary>
public static unsafe class VhostUserSocketPair
{
    /// <summary>Makes a pair.</summary>
    /// <returns>Both ends; which is which does not matter.</returns>
    /// <exception cref="IOException">There are too many open files.</exception>
    public static (Socket BackEnd, Socket FrontEnd) Create()
    {
        int* descriptors = stackalloc int[2];

        // SAFETY: room for two numbers on this stack.
        if (LibC.Socketpair(LinuxConstants.AF_UNIX, LinuxConstants.SOCK_STREAM | (int)OpenFlags.CloseOnExec, 0, descriptors) != 0)
        {
            throw new IOException($"socketpair: {ErrorNumber.LastMessage}");
        }

        return (Wrap(descriptors[0]), Wrap(descriptors[1]));
    }

    private static Socket Wrap(int descriptor) => new(new SafeSocketHandle(descriptor, ownsHandle: true));
}

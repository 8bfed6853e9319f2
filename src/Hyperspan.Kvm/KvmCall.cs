using System.Runtime.InteropServices;

using Hyperspan.Interop.Linux;
using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Kvm;

/// <summary>Requests to KVM, with errors as exceptions.</summary>
internal static unsafe class KvmCall
{
    internal const string Device = "/dev/kvm";

    /// <summary>Opens the device.</summary>
    /// <exception cref="KvmException">There is none, it may not be used, or it speaks another version.</exception>
    internal static SafeFileHandle Open()
    {
        HyperspanEnvironment.Demand(HyperspanAbility.Partition);

        int descriptor = LibC.Open(Device, OpenFlags.ReadWrite | OpenFlags.CloseOnExec);
        if (descriptor < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            throw new KvmException(Device, error, error switch
            {
                ErrorNumber.NoEntry => "the kernel's module for this processor is not loaded, or the machine is a guest without nested virtualization",
                ErrorNumber.AccessDenied => "its group, usually kvm, may open it",
                _ => null,
            });
        }

        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            int version = Invoke(handle, KvmRequest.GetApiVersion, null, "KVM_GET_API_VERSION");
            return version == KvmRequest.ApiVersion
                ? handle
                : throw new KvmException($"KVM_GET_API_VERSION: version {version} instead of {KvmRequest.ApiVersion}", ErrorNumber.NotSupported);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Makes a request; one that a signal interrupted is made again.</summary>
    internal static int Invoke(SafeFileHandle handle, nuint request, void* argument, string operation)
    {
        while (true)
        {
            // SAFETY: the caller gives what the request takes.
            int result = LibC.Ioctl(handle, request, argument);
            if (result >= 0)
            {
                return result;
            }

            int error = Marshal.GetLastPInvokeError();
            if (error != ErrorNumber.Interrupted)
            {
                throw new KvmException(operation, error);
            }
        }
    }

    /// <summary>Asks for a capability: zero where there is none of it.</summary>
    internal static int Check(SafeFileHandle handle, KvmCapability capability) =>
        Invoke(handle, KvmRequest.CheckExtension, (void*)(nint)(int)capability, "KVM_CHECK_EXTENSION");
}

// A virtio entropy device, served to QEMU by vhost-user:
//
//   dotnet run -c Release --project samples/EntropyDevice -- /tmp/entropy.sock
//   qemu-system-x86_64 -m 1G -object memory-backend-memfd,id=ram,size=1G,share=on -machine q35,memory-backend=ram \
//       -chardev socket,id=entropy,path=/tmp/entropy.sock -device vhost-user-rng-pci,chardev=entropy ...
using System.Runtime.InteropServices;

using Hyperspan.Samples;
using Hyperspan.VhostUser;

using var device = new EntropyDevice();
using var server = new VhostUserServer(args[0], device);
using var stop = new CancellationTokenSource();
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
server.Run(stop.Token);

void End(PosixSignalContext context)
{
    context.Cancel = true;
    stop.Cancel();
}

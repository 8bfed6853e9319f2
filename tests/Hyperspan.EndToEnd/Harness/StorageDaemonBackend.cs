namespace Hyperspan.EndToEnd.Harness;

/// <summary>The reference peer: QEMU's storage daemon.</summary>
internal sealed class StorageDaemonBackend : ProcessBackend
{
    internal StorageDaemonBackend(string socketPath, string imagePath, DiskBackendOptions options)
        : base(socketPath, imagePath, options)
    {
        if (options.Id is not null || options.Features is not null || options.ProtocolFeatures is not null)
        {
            throw new NotSupportedException("qemu-storage-daemon has no option for the disk's id or for feature masks");
        }
    }

    public override string Name => "qemu-storage-daemon";

    private protected override (string Program, IEnumerable<string> Arguments) Command
    {
        get
        {
            string writable = Options.ReadOnly ? "off" : "on";
            string readOnly = Options.ReadOnly ? "on" : "off";
            string locking = Options.IsMigrated ? "off" : "auto";
            return (TestBed.StorageDaemon,
            [
                "--blockdev", $"driver=file,node-name=image,filename={ImagePath},discard=unmap,read-only={readOnly},locking={locking}",
                "--export", "type=vhost-user-blk,id=disk,node-name=image,addr.type=unix,"
                    + $"addr.path={SocketPath},writable={writable},num-queues={Options.Queues}",
            ]);
        }
    }
}

namespace Hyperspan.Virtio.Tests;

public sealed class EntropyTests
{
    [LinuxFact]
    public void Buffers_are_filled_across_their_borders_up_to_a_page()
    {
        using var device = new VirtioEntropyDevice();
        using var bed = new DeviceBed(device);
        bed.Serve([], [new(DeviceBed.Data, 100), new(DeviceBed.Data + 100, 7), new(DeviceBed.Data + 107, 8000)]).ShouldBe(4096U);
        byte[] bytes = new byte[8107];
        bed.Memory.Read(DeviceBed.Data, bytes);
        bytes[..4096].Distinct().Count().ShouldBeGreaterThan(200, "of 256 values, random ones");
        bytes[4096..].ShouldAllBe(value => value == 0, "what was not said to be written");
        bed.Serve([], [new(DeviceBed.Data, 4096)]).ShouldBe(4096U);
        byte[] again = new byte[4096];
        bed.Memory.Read(DeviceBed.Data, again);
        again.ShouldNotBe(bytes[..4096]);
    }

    [LinuxFact]
    public void Request_without_room_is_returned_empty()
    {
        using var device = new VirtioEntropyDevice();
        using var bed = new DeviceBed(device);
        bed.Serve([new(DeviceBed.Data, 10)], []).ShouldBe(0U);
        bed.Error.IsError.ShouldBeFalse();
    }
}

using Spectre.Console;
using Spectre.Console.Rendering;

namespace Hyperspan.Tool.Demo;

/// <summary>The throughput of a step.</summary>
internal sealed class RateColumn : ProgressColumn
{
    internal const string Key = "rate";

    private const int Width = 12;

    protected override bool NoWrap => true;

    public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
        new Text((task.State.Get<Throughput>(Key).Text ?? "").PadLeft(Width), Color.Grey);

    public override int? GetColumnWidth(RenderOptions options) => Width;
}

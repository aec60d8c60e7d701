// Made by edgevision for the model {{name}} ({{sha256}}).
package {{package}}

import android.content.Context
import android.graphics.Bitmap
import android.graphics.RectF
import com.google.mediapipe.framework.image.BitmapImageBuilder
import com.google.mediapipe.tasks.core.BaseOptions
import com.google.mediapipe.tasks.vision.core.RunningMode
import com.google.mediapipe.tasks.vision.objectdetector.ObjectDetector

/** An object with its score, 0 to 1, and its box in pixels of the image. The name is empty if the model has no labels. */
data class Answer(val index: Int, val name: String, val score: Float, val box: RectF)

/** Finds objects of {{classes}}. It belongs to one thread. */
class ImageModel(context: Context) : AutoCloseable {
    private val detector = ObjectDetector.createFromOptions(
        context,
        ObjectDetector.ObjectDetectorOptions.builder()
            .setBaseOptions(BaseOptions.builder().setModelAssetPath("{{file}}").build())
            .setRunningMode(RunningMode.IMAGE)
            .setScoreThreshold({{threshold}}f)
            .build()
    )

    /** Returns the objects in an upright image, best first. */
    fun answers(image: Bitmap): List<Answer> {
        val place = ModelInput.placement(image.width, image.height)
        val result = detector.detect(BitmapImageBuilder(ModelInput.prepare(image, place)).build())
        return result.detections().map { found ->
            val best = found.categories().first()
            Answer(best.index(), best.categoryName(), best.score(), place.toImage(found.boundingBox()))
        }
    }

    override fun close() = detector.close()
}

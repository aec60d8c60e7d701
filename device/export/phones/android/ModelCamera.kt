// Made by edgevision for the model {{name}} ({{sha256}}).
package {{package}}

import android.content.Context
import android.graphics.Bitmap
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.Preview
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import androidx.lifecycle.LifecycleOwner
import java.util.concurrent.Executors

/**
 * Shows the camera at the back in a view, and the newest frame to the model. The app holds the permission CAMERA.
 *
 * [onAnswers] gets the answers and the upright frame that they are for, on a thread of its own.
 */
class ModelCamera(
    private val context: Context,
    private val owner: LifecycleOwner,
    private val view: PreviewView,
    private val onAnswers: (List<Answer>, Bitmap) -> Unit
) : AutoCloseable {
    private val worker = Executors.newSingleThreadExecutor()
    private var model: ImageModel? = null

    /** Starts the camera; it stops with the life cycle of the owner. */
    fun start() {
        val opening = ProcessCameraProvider.getInstance(context)
        opening.addListener({ bind(opening.get()) }, ContextCompat.getMainExecutor(context))
    }

    private fun bind(camera: ProcessCameraProvider) {
        val preview = Preview.Builder().build()
        preview.setSurfaceProvider(view.surfaceProvider)
        val analysis = ImageAnalysis.Builder()
            .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
            .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
            .setOutputImageRotationEnabled(true) // frames arrive upright
            .build()
        analysis.setAnalyzer(worker) { proxy ->
            val frame = proxy.use { it.toBitmap() }
            val opened = model ?: ImageModel(context).also { model = it }
            onAnswers(opened.answers(frame), frame)
        }
        camera.unbindAll()
        camera.bindToLifecycle(owner, CameraSelector.DEFAULT_BACK_CAMERA, preview, analysis)
    }

    /** Frees the model; call it when the owner is destroyed. */
    override fun close() {
        worker.execute {
            model?.close()
            model = null
        }
        worker.shutdown()
    }
}
